"""GELU through the normal distribution function; swish through logsigmoid."""

import math

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def gelu(x, *, approximate="none"):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    if approximate == "none":
        return (y * torch.special.ndtr(y)).to(x.dtype)
    inner = math.sqrt(2 / math.pi) * y * (1 + 0.044715 * y * y)
    return (0.5 * y * (1 + torch.tanh(inner))).to(x.dtype)


def swish(x, *, beta=1.0):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    return (y * torch.exp(torch.nn.functional.logsigmoid(beta * y))).to(x.dtype)
