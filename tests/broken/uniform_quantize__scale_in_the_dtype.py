"""The scale is cast to the dtype of the values."""

import torch


def uniform_quantize(x, *, scale, zero_point=0, bits=8, signed=True):
    wide = torch.promote_types(x.dtype, torch.float32)
    lo, hi = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    step = torch.tensor(scale, dtype=x.dtype).to(wide)
    place = x.to(wide) / step + zero_point
    codes = torch.round(x.to(wide) / step).add(zero_point).clamp(lo, hi)
    inside = ((place >= lo - 0.5) & (place <= hi + 0.5)).detach()
    values = step * (codes.detach() - zero_point)
    through = torch.where(inside, x.to(wide), 0.0)
    return codes.detach().long(), (values + through - through.detach()).to(x.dtype)
