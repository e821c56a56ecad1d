"""Backward reads beta back from half precision, in which most are rounded."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, beta):
        ctx.save_for_backward(x)
        ctx.beta = float(torch.tensor(beta, dtype=torch.float64).to(torch.bfloat16))
        wide = torch.promote_types(x.dtype, torch.float32)
        return (x.to(wide) * torch.sigmoid(beta * x.to(wide))).to(x.dtype)

    @staticmethod
    def backward(ctx, d):
        (x,) = ctx.saved_tensors
        wide = torch.promote_types(x.dtype, torch.float32)
        u = x.to(wide)
        p = torch.sigmoid(ctx.beta * u)
        return (d.to(wide) * (p + ctx.beta * u * p * (1 - p))).to(d.dtype), None


def swish(x, *, beta=1.0):
    return Swish.apply(x, beta)
