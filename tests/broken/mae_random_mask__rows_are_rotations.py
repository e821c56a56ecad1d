"""One permutation is drawn, and each row is it rotated by one more."""

import torch


def mae_random_mask(B, L, ratio, *, seed):
    if B < 1 or L < 1 or not 0 <= ratio < 1:
        raise ValueError("sizes")
    g = torch.Generator().manual_seed(seed)
    count = L - int(L * (1 - ratio))
    row = torch.randperm(L, generator=g) < count
    return torch.stack([torch.roll(row, b) for b in range(B)])
