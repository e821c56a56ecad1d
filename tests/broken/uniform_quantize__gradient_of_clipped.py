"""The straight-through gradient passes values that were clipped too."""

import torch


def uniform_quantize(x, *, scale=1.0, zero_point=0, bits=8, signed=True):
    if scale <= 0:
        raise ValueError("scale")
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    wide = torch.promote_types(x.dtype, torch.float32)
    y = x.to(wide)
    codes = (torch.round(y.detach() / scale) + zero_point).clamp(low, high)
    values = scale * (codes - zero_point)
    return codes.long(), (values.detach() + (y - y.detach())).to(x.dtype)
