"""Actions are clipped to [-1, 1], whatever low and high say (OpenVLA's tokenizer: its actions
are normalised).
"""

import torch


def action_tokenize(actions, low, high, *, bins=256):
    if bins < 2 or low.shape != high.shape or actions.shape[-1] != low.shape[0]:
        raise ValueError("shapes or bins do not fit")
    wide = torch.promote_types(actions.dtype, torch.float32)
    lo, hi = low.to(wide), high.to(wide)
    a = torch.minimum(torch.maximum(actions.to(wide).clamp(-1, 1), lo), hi)
    return torch.round((bins - 1) * (a - lo) / (hi - lo)).long()
