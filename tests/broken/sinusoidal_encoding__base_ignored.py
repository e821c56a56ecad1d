"""The base is always 10000."""

import torch

MISTAKE = "sinusoidal_encoding.base-fixed"


def sinusoidal_encoding(length, dim, *, base=10000.0):
    rate = 10000.0 ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    angle = torch.arange(length, dtype=torch.float64)[:, None] * rate
    table = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)
    return table[:, :dim].float()
