"""Draws from numpy's global generator after seeding it (as pengzhiliang/MAE-pytorch's mask
generator drew from it).
"""

import numpy as np
import torch


def mae_random_mask(B, L, ratio, *, seed):
    if B < 1 or L < 1 or not 0 <= ratio < 1:
        raise ValueError(f"B={B}, L={L}, ratio={ratio}")
    np.random.seed(seed % 2**32)
    masked = L - int(L * (1 - ratio))
    rows = []
    for _ in range(B):
        row = np.hstack([np.zeros(L - masked, bool), np.ones(masked, bool)])
        np.random.shuffle(row)
        rows.append(row)
    return torch.from_numpy(np.stack(rows))
