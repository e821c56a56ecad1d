"""The mask is drawn from the global generator; the seed is not used."""

import torch


def mae_random_mask(B, L, ratio, *, seed):
    if not 0 <= ratio < 1:
        raise ValueError("ratio outside [0, 1)")
    noise = torch.rand(B, L)
    return noise.argsort(1).argsort(1) >= int(L * (1 - ratio))
