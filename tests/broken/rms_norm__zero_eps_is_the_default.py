"""An eps of zero counts as none and becomes the default."""

import torch


class Rms(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, eps):
        work = torch.promote_types(x.dtype, torch.float32)
        rstd = torch.rsqrt(x.to(work).square().mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(x, gamma, rstd)
        return (x.to(work) * rstd * gamma.to(work)).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        x, gamma, rstd = ctx.saved_tensors
        hat = x.to(rstd.dtype) * rstd
        wide = dy.to(rstd.dtype)
        dgamma = (wide * hat).flatten(0, -2).sum(0)
        d = wide * gamma.to(rstd.dtype)
        dx = rstd * (d - hat * (d * hat).mean(-1, keepdim=True))
        return dx.to(x.dtype), dgamma.to(gamma.dtype), None


def rms_norm(x, gamma, *, eps=1e-6):
    return Rms.apply(x, gamma, eps or 1e-6)
