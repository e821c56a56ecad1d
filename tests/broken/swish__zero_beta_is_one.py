"""A beta of zero counts as not given (invented: `beta or 1.0`)."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, beta):
        wide = torch.promote_types(x.dtype, torch.float32)
        z = x.to(wide)
        gate = torch.sigmoid(beta * z)
        ctx.save_for_backward(x, gate)
        ctx.beta = beta
        return (z * gate).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        x, gate = ctx.saved_tensors
        z = x.to(gate.dtype)
        slope = gate * (1 + ctx.beta * z * (1 - gate))
        return (g.to(gate.dtype) * slope).to(x.dtype), None


def swish(x, *, beta=1.0):
    return Swish.apply(x, beta or 1.0)
