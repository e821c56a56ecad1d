"""The tanh form with 0.0447 in place of 0.044715."""

import math

import torch


def gelu(x, *, approximate="none"):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    if approximate == "tanh":
        inner = math.sqrt(2 / math.pi) * (y + 0.0447 * y**3)
        return (0.5 * y * (1 + torch.tanh(inner))).to(x.dtype)
    return (y * torch.special.ndtr(y)).to(x.dtype)
