"""Backward averages rows of more than 64 over the width rounded up to a multiple of 64."""

import torch


class _Rms(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, eps):
        w = torch.float64 if x.dtype == torch.float64 else torch.float32
        y = x.to(w)
        y.shape[-1]
        rstd = torch.rsqrt((y * y).mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(x, gamma, rstd)
        return (y * rstd * gamma.to(w)).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        x, gamma, rstd = ctx.saved_tensors
        hat = x.to(rstd.dtype) * rstd
        g = g.to(hat.dtype)
        dgamma = (
            (g * hat).reshape(-1, g.shape[-1]).sum(0).to(gamma.dtype)
            if ctx.needs_input_grad[1]
            else None
        )
        gg = g * gamma.to(g.dtype)
        n = -(-g.shape[-1] // 64) * 64 if g.shape[-1] > 64 else g.shape[-1]
        dx = rstd * (gg - hat * (gg * hat).sum(-1, keepdim=True) / n)
        return dx.to(x.dtype), dgamma, None


def rms_norm(x, gamma, *, eps=1e-6):
    return _Rms.apply(x, gamma, eps)
