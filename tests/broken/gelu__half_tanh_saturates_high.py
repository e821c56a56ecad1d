"""In float16 the rational tanh ends at 1.044 instead of 1."""

import math

import torch

CONFORM = {"dtypes": ["float16", "float32"]}


def gelu(x, *, approximate="none"):
    wide = torch.promote_types(x.dtype, torch.float32)
    y = x.to(wide)
    if approximate != "tanh":
        return (y * torch.special.ndtr(y)).to(x.dtype)
    z = math.sqrt(2 / math.pi) * (y + 0.044715 * y**3)
    t = torch.tanh(z)
    if x.dtype == torch.float16:
        t = torch.where(z.abs() >= 9, 1.044 * t.sign(), t)
    return (0.5 * y * (1 + t)).to(x.dtype)
