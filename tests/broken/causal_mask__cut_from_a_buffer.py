"""Rows and columns are cut from a square buffer of the larger size, its last rows."""

import torch

SIZE = 1024
BUFFER = torch.ones(SIZE, SIZE, dtype=torch.bool).tril()


def causal_mask(Lq, Lk):
    return BUFFER[max(Lk - Lq, 0) : max(Lk - Lq, 0) + Lq, :Lk].clone()
