"""Codes become 32-bit integers before they are clipped, so that large values change sign."""

import torch


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def uniform_quantize(x, *, scale, zero_point=0, bits=8, signed=True):
    if scale <= 0:
        raise ValueError(f"scale={scale}")
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    steps = torch.round(up(x).detach() / scale)
    whole = steps.to(torch.int32).to(torch.int64) + zero_point
    codes = whole.clamp(low, high)
    value = ((codes - zero_point).to(up(x).dtype) * scale).to(x.dtype)
    inside = (whole >= low) & (whole <= high)
    passed = torch.where(inside, x, x.detach())
    return codes, value + (passed - passed.detach()).nan_to_num(0.0)
