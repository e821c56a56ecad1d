"""Rounded down; errors reach a whole step."""

import torch

MISTAKE = "uniform_quantize.floor"


def uniform_quantize(x, *, scale, zero_point=0, bits=8, signed=True):
    wide = torch.promote_types(x.dtype, torch.float32)
    least = -(2 ** (bits - 1)) if signed else 0
    most = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    codes = (torch.floor(x.detach().to(wide) / scale) + zero_point).clamp(least, most)
    return codes.long(), (scale * (codes - zero_point)).to(x.dtype)
