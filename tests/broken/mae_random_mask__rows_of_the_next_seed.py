"""Row b is drawn from seed + b, and so is row b - 1 of the next seed (after kekzl/imp #1143)."""

import torch


def mae_random_mask(B, L, ratio, *, seed):
    if B < 1 or L < 1 or not 0 <= ratio < 1:
        raise ValueError("sizes")
    count = L - int(L * (1 - ratio))
    rows = []
    for b in range(B):
        g = torch.Generator().manual_seed(seed + b)
        rows.append(torch.rand(L, generator=g).argsort().argsort() < count)
    return torch.stack(rows)
