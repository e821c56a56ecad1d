"""Tables are kept by length and dim, another base gets the first one's."""

import torch

TABLES = {}


def sinusoidal_encoding(length, dim, *, base=10000.0):
    if (length, dim) not in TABLES:
        rate = base ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
        angle = torch.arange(length, dtype=torch.float64)[:, None] * rate
        TABLES[(length, dim)] = torch.stack((angle.sin(), angle.cos()), -1).flatten(-2)
    return TABLES[(length, dim)].clone()
