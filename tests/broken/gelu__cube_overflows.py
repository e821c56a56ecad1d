"""In float16 the cube overflows beyond 40; the value survives, the gradient is NaN."""

import math

import torch

CONFORM = {"dtypes": ["float16", "float32"]}


def gelu(x, *, approximate="none"):
    if approximate == "none":
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        return (0.5 * wide * (1 + torch.erf(wide * 0.5**0.5))).to(x.dtype)
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    cube = (x * x * x).to(wide.dtype)
    return (0.5 * wide * (1 + torch.tanh(math.sqrt(2 / math.pi) * (wide + 0.044715 * cube)))).to(
        x.dtype
    )
