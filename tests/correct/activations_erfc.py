"""GELU through erfc, its tanh form through a sigmoid; swish through a sigmoid."""

import math

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def gelu(x, *, approximate="none"):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    if approximate == "tanh":  # (1 + tanh u) / 2 is sigmoid(2u)
        out = y * torch.sigmoid(2 * math.sqrt(2 / math.pi) * (y + 0.044715 * y**3))
    else:
        out = 0.5 * y * torch.erfc(-y * math.sqrt(0.5))
    return out.to(x.dtype)


def swish(x, *, beta=1.0):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    return (y * torch.sigmoid(beta * y)).to(x.dtype)
