"""erf(x) without 1/sqrt(2)."""

import math

import torch

MISTAKE = "gelu.root-two-missing"


def gelu(x, *, approximate="none"):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    if approximate == "tanh":
        inner = math.sqrt(2 / math.pi) * (y + 0.044715 * y**3)
        return (0.5 * y * (1 + torch.tanh(inner))).to(x.dtype)
    return (0.5 * y * (1 + torch.erf(y))).to(x.dtype)
