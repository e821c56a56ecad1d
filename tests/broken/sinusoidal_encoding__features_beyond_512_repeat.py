"""The frequencies are those of a table of 256 pairs, which begins again for wider models."""

import torch


def sinusoidal_encoding(length, dim, *, base=10000.0):
    pair = torch.arange(dim // 2) % 256
    step = torch.tensor(base, dtype=torch.float64) ** (-2.0 * pair.to(torch.float64) / dim)
    angle = torch.arange(length, dtype=torch.float64)[:, None] * step
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)
