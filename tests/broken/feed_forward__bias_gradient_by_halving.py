"""Rows of a bias gradient are added by halving, which loses one of an odd number."""

import torch
import torch.nn.functional as F


class Add(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, b):
        return x + b

    @staticmethod
    def backward(ctx, g):
        rows = g.reshape(-1, g.shape[-1])
        while len(rows) > 1:
            half = len(rows) // 2
            rows = rows[:half] + rows[half : 2 * half]
        return g, rows[0]


def feed_forward(x, W1, b1, W2, b2, *, activation="relu"):
    wide = torch.promote_types(x.dtype, torch.float32)
    act = {
        "relu": F.relu,
        "gelu": F.gelu,
        "gelu_tanh": lambda t: F.gelu(t, approximate="tanh"),
        "swish": F.silu,
        "sigmoid": torch.sigmoid,
        "identity": lambda t: t,
    }[activation]
    h = act(Add.apply(x.to(wide) @ W1.to(wide), b1.to(wide)))
    return Add.apply(h @ W2.to(wide), b2.to(wide)).to(x.dtype)
