"""The table has 5000 rows; more wrap around."""

import torch


def sinusoidal_encoding(length, dim, *, base=10000.0):
    at = torch.arange(length, dtype=torch.float64)[:, None] % 5000
    angle = at * base ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1).float()
