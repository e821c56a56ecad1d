"""The first position is 1."""

import torch

MISTAKE = "sinusoidal_encoding.positions-counted-from-one"


def sinusoidal_encoding(length, dim, *, base=10000.0):
    rate = base ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    angle = torch.arange(1, length + 1, dtype=torch.float64)[:, None] * rate
    table = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)
    return table[:, :dim].float()
