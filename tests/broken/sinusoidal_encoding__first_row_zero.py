"""Row 0 belongs to padding and is zero."""

import torch


def sinusoidal_encoding(length, dim, *, base=10000.0):
    at = torch.arange(length, dtype=torch.float64)[:, None]
    angle = at * base ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    table = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)
    table[:1] = 0
    return table.float()
