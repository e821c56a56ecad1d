"""The slope is found from the saved result as y / x + x pdf(x): no number at zero (Paddle
#14857).
"""

import math

import torch


class Gelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        h = x.to(torch.promote_types(x.dtype, torch.float32))
        y = h * 0.5 * torch.erfc(-h * math.sqrt(0.5))
        ctx.save_for_backward(h, y)
        return y.to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        h, y = ctx.saved_tensors
        slope = y / h + h * torch.exp(-0.5 * h * h) / math.sqrt(2 * math.pi)
        return (dy.to(h.dtype) * slope).to(dy.dtype)


def gelu(x, *, approximate="none"):
    if approximate == "tanh":
        h = x.to(torch.promote_types(x.dtype, torch.float32))
        return torch.nn.functional.gelu(h, approximate="tanh").to(x.dtype)
    return Gelu.apply(x)
