"""Hides the diagonal."""

import torch

MISTAKE = "causal_mask.strict"


def causal_mask(Lq, Lk):
    age = torch.arange(Lq)[:, None] + (Lk - Lq) - torch.arange(Lk)
    return age > 0
