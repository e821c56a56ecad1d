"""Codes are cast to eight bits before they are clipped, so that large values wrap around."""

import torch


def uniform_quantize(x, *, scale=1.0, zero_point=0, bits=8, signed=True):
    if scale <= 0:
        raise ValueError("scale")
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    wide = torch.promote_types(x.dtype, torch.float32)
    y = x.to(wide)
    place = y.detach() / scale + zero_point
    narrow = torch.int8 if signed else torch.uint8
    codes = torch.round(place).clamp(-(2**31), 2**31 - 1).long().to(narrow).long().clamp(low, high)
    inside = (place >= low - 0.5) & (place <= high + 0.5)
    through = torch.where(inside, y, 0.0)
    return codes, (scale * (codes - zero_point) + through - through.detach()).to(x.dtype)
