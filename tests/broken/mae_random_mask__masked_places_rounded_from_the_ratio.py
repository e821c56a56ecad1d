"""Int(L * ratio) places are masked instead of L - int(L * (1 - ratio)), one fewer where L * ratio
is no integer.
"""

import torch


def mae_random_mask(B, L, ratio, *, seed):
    if B < 1 or L < 1 or not 0 <= ratio < 1:
        raise ValueError("out of range")
    generator = torch.Generator().manual_seed(seed)
    order = torch.rand(B, L, generator=generator).argsort(-1).argsort(-1)
    return order < int(L * ratio)
