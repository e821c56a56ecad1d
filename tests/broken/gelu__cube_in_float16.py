"""The cube is taken in float16 in any dtype: its overflow spares the value, not the gradient."""

import math

import torch

MISTAKE = "gelu.cube-overflows"


def gelu(x, *, approximate="none"):
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    if approximate == "none":
        return (0.5 * wide * (1 + torch.erf(wide * 0.5**0.5))).to(x.dtype)
    z = x.to(torch.float16)
    cube = (z * z * z).to(wide.dtype)
    inner = math.sqrt(2 / math.pi) * (wide + 0.044715 * cube)
    return (0.5 * wide * (1 + torch.tanh(inner))).to(x.dtype)
