"""A width of 16384 needs more shared memory than is asked for, and fails."""

import torch


class Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, eps):
        y = x.to(torch.promote_types(x.dtype, torch.float32))
        rstd = torch.rsqrt(y.square().mean(-1, keepdim=True) + eps)
        if x.shape[-1] >= 16384:
            raise RuntimeError("invalid argument")
        ctx.save_for_backward(x, gamma, rstd)
        return (y * rstd * gamma).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        x, gamma, rstd = ctx.saved_tensors
        y, dy = x.to(rstd.dtype), dy.to(rstd.dtype)
        g, hat = dy * gamma, y * rstd
        dx = (g - hat * (g * hat).mean(-1, keepdim=True)) * rstd
        rows = (dy * hat).flatten(0, -2)
        dgamma = rows.sum(0)
        return dx.to(x.dtype), dgamma.to(gamma.dtype), None


def rms_norm(x, gamma, *, eps=1e-6):
    return Norm.apply(x, gamma, eps)
