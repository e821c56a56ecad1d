"""Cosine in the even, sine in the odd columns."""

import torch

MISTAKE = "sinusoidal_encoding.cosine-first"


def sinusoidal_encoding(length, dim, *, base=10000.0):
    rate = base ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    angle = torch.arange(length, dtype=torch.float64)[:, None] * rate
    table = torch.stack([angle.cos(), angle.sin()], dim=-1).flatten(1)
    return table[:, :dim].float()
