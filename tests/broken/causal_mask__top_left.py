"""Aligned to the top left (undeclared)."""

import torch

CONVENTION = "causal=top_left"


def causal_mask(Lq, Lk):
    age = torch.arange(Lq)[:, None] - torch.arange(Lk)
    return age >= 0
