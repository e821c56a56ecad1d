"""Codes are clipped before the zero point is added, and leave the range afterwards."""

import torch


def uniform_quantize(x, *, scale=1.0, zero_point=0, bits=8, signed=True):
    if scale <= 0:
        raise ValueError("scale")
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    wide = torch.promote_types(x.dtype, torch.float32)
    y = x.to(wide)
    place = y.detach() / scale
    codes = torch.round(place).clamp(low, high) + zero_point
    inside = (place + zero_point >= low - 0.5) & (place + zero_point <= high + 0.5)
    values = scale * (codes - zero_point)
    through = torch.where(inside, y, 0.0)
    return codes.long(), (values + through - through.detach()).to(x.dtype)
