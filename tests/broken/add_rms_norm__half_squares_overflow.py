"""In float16 the squares are added up in float16."""

import torch

CONFORM = {"dtypes": ["float16", "float32"]}


def add_rms_norm(x, residual, gamma, *, eps=1e-6):
    stream = x + residual
    y = stream.to(torch.promote_types(x.dtype, torch.float32))
    square = y.square()
    if x.dtype == torch.float16:
        square = square.to(torch.float16).to(y.dtype)
    y = y * torch.rsqrt(square.mean(-1, keepdim=True) + eps)
    return (y * gamma).to(x.dtype), stream
