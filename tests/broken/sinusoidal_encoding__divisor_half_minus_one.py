"""Frequencies spread over dim / 2 - 1 steps (fairseq, undeclared)."""

import torch

CONVENTION = "sinusoid_divisor=half_minus_one"


def sinusoidal_encoding(length, dim, *, base=10000.0):
    rate = base ** (-torch.arange(0, dim, 2, dtype=torch.float64) / max(dim - 2, 1))
    angle = torch.arange(length, dtype=torch.float64)[:, None] * rate
    table = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)
    return table[:, :dim].float()
