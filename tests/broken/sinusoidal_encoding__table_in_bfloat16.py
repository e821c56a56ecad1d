"""The table is stored in bfloat16 and widened again."""

import torch


def sinusoidal_encoding(length, dim, *, base=10000.0):
    rate = base ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    angle = torch.arange(length, dtype=torch.float64)[:, None] * rate
    table = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)
    return table[:, :dim].bfloat16().float()
