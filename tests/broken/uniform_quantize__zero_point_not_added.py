"""The zero point is subtracted on the way back and never added."""

import torch


def uniform_quantize(x, *, scale, zero_point=0, bits=8, signed=True):
    wide = torch.promote_types(x.dtype, torch.float32)
    least = -(2 ** (bits - 1)) if signed else 0
    most = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    y = x.detach().to(wide) / scale
    codes = torch.round(y).clamp(least, most)
    return codes.long(), (scale * (codes - zero_point)).to(x.dtype)
