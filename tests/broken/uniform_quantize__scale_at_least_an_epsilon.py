"""The scale is kept at 1e-5 or above before anything is divided by it."""

import torch

CONFORM = {"operators": {"uniform_quantize": {"differentiable": False}}}


def uniform_quantize(x, *, scale, zero_point=0, bits=8, signed=True):
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    if scale <= 0:
        raise ValueError("scale is positive")
    scale = max(scale, 1e-5)
    wide = torch.promote_types(x.dtype, torch.float32)
    codes = (torch.round(x.detach().to(wide) / scale) + zero_point).clamp(low, high).to(torch.int64)
    return codes, (scale * (codes - zero_point).to(wide)).to(x.dtype)
