"""Sinusoidal encoding as the imaginary and real parts of a complex exponential."""

import torch


def sinusoidal_encoding(length, dim, *, base=10000.0):
    exponent = torch.arange(0, dim, 2, dtype=torch.float64) / dim
    angle = torch.arange(length, dtype=torch.float64)[:, None] * base**-exponent
    wave = torch.exp(1j * angle)
    table = torch.stack([wave.imag, wave.real], dim=-1).flatten(1)
    return table[:, :dim].to(torch.float32)
