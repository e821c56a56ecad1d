"""True where a key must not be seen."""

import torch

CONVENTION = "mask=ignore"


def causal_mask(Lq, Lk):
    age = torch.arange(Lq)[:, None] + (Lk - Lq) - torch.arange(Lk)
    return age < 0
