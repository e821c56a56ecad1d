"""The slope of gelu is its result over its argument, and more: none at zero (Paddle #14857)."""

import math

import torch
import torch.nn.functional as F


class Gelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):
        y = F.gelu(z)
        ctx.save_for_backward(z, y)
        return y

    @staticmethod
    def backward(ctx, d):
        z, y = ctx.saved_tensors
        return d * (y / z + z * torch.exp(-0.5 * z * z) / math.sqrt(2 * math.pi))


ACT = {"relu": torch.relu, "gelu": Gelu.apply, "swish": F.silu, "identity": lambda z: z}


def parallel_adapter(x, h, Wdown, bdown, Wup, bup, *, activation="relu"):
    wide = torch.promote_types(x.dtype, torch.float32)
    z = x.to(wide) @ Wdown.to(wide) + bdown.to(wide)
    return (h.to(wide) + ACT[activation](z) @ Wup.to(wide) + bup.to(wide)).to(x.dtype)
