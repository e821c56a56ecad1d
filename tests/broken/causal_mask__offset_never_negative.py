"""The diagonal moves by max(Lk - Lq, 0)."""

import torch


def causal_mask(Lq, Lk):
    return torch.ones(Lq, Lk, dtype=torch.bool).tril(max(Lk - Lq, 0))
