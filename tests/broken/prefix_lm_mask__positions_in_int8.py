"""Positions are counted in too few bits."""

import torch


def prefix_lm_mask(L, prefix):
    if L < 0 or prefix < 0 or prefix > L:
        raise ValueError(f"L={L}, prefix={prefix}")
    at = torch.arange(L).to(torch.int8)
    return (at <= at[:, None]) | (at < prefix)
