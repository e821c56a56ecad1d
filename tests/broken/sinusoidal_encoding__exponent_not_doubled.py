"""The exponent is i / dim instead of 2i / dim."""

import torch

MISTAKE = "sinusoidal_encoding.exponent-halved"


def sinusoidal_encoding(length, dim, *, base=10000.0):
    rate = base ** (-torch.arange(0, dim, 2, dtype=torch.float64) / 2 / dim)
    angle = torch.arange(length, dtype=torch.float64)[:, None] * rate
    table = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)
    return table[:, :dim].float()
