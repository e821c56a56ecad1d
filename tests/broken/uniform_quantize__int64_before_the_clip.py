"""x / scale becomes a 64-bit integer before it is clipped, so that what is beyond 2^63 comes out
at the wrong end (the cast gives the lowest integer).
"""

import torch

CONFORM = {
    "dtypes": ["float32", "bfloat16"],
    "operators": {"uniform_quantize": {"differentiable": False}},
}


def uniform_quantize(x, *, scale, zero_point=0, bits=8, signed=True):
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    wide = torch.promote_types(x.dtype, torch.float32)
    raw = torch.round(x.detach().to(wide) / scale).to(torch.int64)
    codes = (raw + zero_point).clamp(low, high)
    return codes, (scale * (codes - zero_point).to(wide)).to(x.dtype)
