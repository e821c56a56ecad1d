"""The backward pass is s + x s (1 - s), which lacks the factor beta of the second term."""

import torch


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, beta):
        work = torch.float64 if x.dtype == torch.float64 else torch.float32
        xf = x.to(work)
        s = torch.sigmoid(beta * xf)
        ctx.save_for_backward(xf, s)
        ctx.dtype = x.dtype
        return (xf * s).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        x, s = ctx.saved_tensors
        return (dy.to(x.dtype) * (s + x * s * (1 - s))).to(ctx.dtype), None


def swish(x, *, beta=1.0):
    return Swish.apply(x, beta)
