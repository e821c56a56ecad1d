"""Cosines and sines are kept for positions of the same shape, as if they always counted from 0."""

import torch

KEPT = {}


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    R = x.shape[-1] if rotary_dim is None else rotary_dim
    if R % 2:
        raise ValueError("an odd number of features has no pairs")
    key = (positions.shape, R, base, scaling)
    if key not in KEPT:
        rates = base ** (-torch.arange(0, R, 2, dtype=torch.float64) / R)
        angle = positions[..., None].double() / scaling * rates
        if positions.dim() == 2:
            angle = angle.reshape(len(angle), *[1] * (x.dim() - 3), *angle.shape[1:])
        KEPT[key] = angle
    angle = KEPT[key]
    if positions.dim() == 2:
        angle = angle.reshape(len(angle), *[1] * (x.dim() - 3), *angle.shape[-2:])
    c, s = angle.cos(), angle.sin()
    y, rest = x[..., :R].double(), x[..., R:]
    if interleaved:
        a, b = y[..., ::2], y[..., 1::2]
        y = torch.stack((a * c - b * s, a * s + b * c), -1).flatten(-2)
    else:
        a, b = y.chunk(2, -1)
        y = torch.cat((a * c - b * s, a * s + b * c), -1)
    return torch.cat((y.to(x.dtype), rest), -1)
