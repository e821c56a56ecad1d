"""The exact form where tanh is asked for."""

import math

import torch

MISTAKE = "gelu.exact-form"


def gelu(x, *, approximate="none"):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    if approximate == "Tanh":
        inner = math.sqrt(2 / math.pi) * (y + 0.044715 * y**3)
        return (0.5 * y * (1 + torch.tanh(inner))).to(x.dtype)
    return (y * torch.special.ndtr(y)).to(x.dtype)
