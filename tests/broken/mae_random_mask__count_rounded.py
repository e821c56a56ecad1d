"""int(L * ratio) patches are hidden, one fewer than the paper where this is rounded."""

import torch

MISTAKE = "mae_random_mask.count-rounded-down"


def mae_random_mask(B, L, ratio, *, seed):
    if not 0 <= ratio < 1:
        raise ValueError("ratio outside [0, 1)")
    noise = torch.rand(B, L, generator=torch.Generator().manual_seed(seed))
    return noise.argsort(1).argsort(1) < int(L * ratio)
