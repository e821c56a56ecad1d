"""The sigmoid is 1 / (1 + exp(-x)): its gradient is 0 inf for large negative numbers (candle
#1722).
"""

import torch
import torch.nn.functional as F


class Logistic(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):
        e = torch.exp(-z)
        s = 1 / (1 + e)
        ctx.save_for_backward(e, s)
        return s

    @staticmethod
    def backward(ctx, ds):
        e, s = ctx.saved_tensors
        return ds * s * s * e


ACT = {
    "relu": torch.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda z: F.gelu(z, approximate="tanh"),
    "swish": F.silu,
    "sigmoid": Logistic.apply,
    "identity": lambda z: z,
}


def feed_forward(x, W1, b1, W2, b2, *, activation="relu"):
    wide = torch.promote_types(x.dtype, torch.float32)
    z = x.to(wide) @ W1.to(wide) + b1.to(wide)
    return (ACT[activation](z) @ W2.to(wide) + b2.to(wide)).to(x.dtype)
