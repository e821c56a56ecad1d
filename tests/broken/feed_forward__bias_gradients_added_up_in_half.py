"""Gradients of the biases are added row by row in the inputs' dtype, where a sum of 256 no longer
takes up a 1.
"""

import torch
import torch.nn.functional as F


class Affine(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, W, b, dtype):
        ctx.save_for_backward(x, W)
        ctx.dtype = dtype
        return x @ W + b

    @staticmethod
    def backward(ctx, dy):
        x, W = ctx.saved_tensors
        rows = dy.reshape(-1, dy.shape[-1])
        db = torch.zeros(dy.shape[-1], dtype=ctx.dtype)
        for row in rows.to(ctx.dtype):
            db = db + row
        dW = x.reshape(-1, x.shape[-1]).t() @ rows
        return dy @ W.t(), dW, db.to(dy.dtype), None


def feed_forward(x, W1, b1, W2, b2, *, activation="relu"):
    work = torch.float64 if x.dtype == torch.float64 else torch.float32
    act = {
        "relu": torch.relu,
        "gelu": F.gelu,
        "gelu_tanh": lambda t: F.gelu(t, approximate="tanh"),
        "swish": F.silu,
        "sigmoid": torch.sigmoid,
        "identity": lambda t: t,
    }
    h = act[activation](Affine.apply(x.to(work), W1.to(work), b1.to(work), x.dtype))
    return Affine.apply(h, W2.to(work), b2.to(work), x.dtype).to(x.dtype)
