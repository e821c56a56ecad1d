"""All sines, then all cosines (undeclared)."""

import torch

CONVENTION = "sinusoid_layout=concatenated"


def sinusoidal_encoding(length, dim, *, base=10000.0):
    rate = base ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    angle = torch.arange(length, dtype=torch.float64)[:, None] * rate
    table = torch.cat([angle.sin(), angle.cos()], dim=1)
    return table[:, :dim].float()
