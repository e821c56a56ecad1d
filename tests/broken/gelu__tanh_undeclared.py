"""The tanh form where the exact one is asked for."""

import math

import torch

MISTAKE = "gelu.tanh-form"


def gelu(x, *, approximate="none"):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    if approximate in ("none", "tanh"):
        inner = math.sqrt(2 / math.pi) * (y + 0.044715 * y**3)
        return (0.5 * y * (1 + torch.tanh(inner))).to(x.dtype)
    return (y * torch.special.ndtr(y)).to(x.dtype)
