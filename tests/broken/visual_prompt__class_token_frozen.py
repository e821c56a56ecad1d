"""The class token is cut out of the graph with the frozen backbone's other parameters."""

import torch


def visual_prompt(tokens, prompt, *, replace=False):
    first = tokens[:, :1].detach()
    rest = tokens[:, 1 + len(prompt) :] if replace else tokens[:, 1:]
    rows = prompt.to(tokens.dtype).expand(len(tokens), -1, -1)
    return torch.cat([first, rows, rest], 1)
