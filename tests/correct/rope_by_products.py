"""Rotations as products of complex numbers; sines by powers of one phasor in double precision."""

import torch


def phasors(positions, width, base):
    step = base ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    return torch.exp(1j * positions.to(torch.float64)[..., None] * step)


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    width = x.shape[-1] if rotary_dim is None else rotary_dim
    turns = phasors(positions / scaling, width, base)
    if positions.ndim == 2:
        turns = turns.reshape(len(turns), *[1] * (x.ndim - 3), *turns.shape[1:])
    y, rest = x[..., :width].double(), x[..., width:]
    if interleaved:
        z = torch.view_as_complex(y.unflatten(-1, (-1, 2)).contiguous()) * turns
        y = torch.view_as_real(z).flatten(-2)
    else:
        z = torch.complex(*y.chunk(2, -1)) * turns
        y = torch.cat((z.real, z.imag), -1)
    return torch.cat((y.to(x.dtype), rest), -1)


def sinusoidal_encoding(length, dim, *, base=10000.0):
    z = phasors(torch.arange(length), dim, base)
    return torch.stack((z.imag, z.real), -1).flatten(-2).float()
