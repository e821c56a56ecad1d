"""One mask is drawn and repeated for the batch."""

import torch

MISTAKE = "mae_random_mask.same-for-all"


def mae_random_mask(B, L, ratio, *, seed):
    if not 0 <= ratio < 1:
        raise ValueError("ratio outside [0, 1)")
    order = torch.randperm(L, generator=torch.Generator().manual_seed(seed))
    mask = torch.ones(L, dtype=torch.bool)
    mask[order[: int(L * (1 - ratio))]] = False
    return mask.repeat(B, 1)
