"""The odd columns use exponent (2i + 1) / dim."""

import torch

MISTAKE = "sinusoidal_encoding.exponent-by-column"


def sinusoidal_encoding(length, dim, *, base=10000.0):
    rate = base ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    angle = torch.arange(length, dtype=torch.float64)[:, None] * rate
    table = torch.stack([angle.sin(), (angle * base ** (-1 / dim)).cos()], dim=-1).flatten(1)
    return table[:, :dim].float()
