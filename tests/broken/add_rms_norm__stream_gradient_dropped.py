"""The fused backward pass returns the norm's gradient and forgets the stream's."""

import torch

MISTAKE = "add_rms_norm.stream-detached"


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, residual, gamma, eps):
        total = x + residual
        rstd = torch.rsqrt(total.float().square().mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(total, gamma, rstd)
        return (total.float() * rstd * gamma.float()).to(x.dtype), total

    @staticmethod
    def backward(ctx, dy, ds):
        total, gamma, rstd = ctx.saved_tensors
        unit, up = total.float() * rstd, dy.float()
        g = up * gamma.float()
        dx = ((g - unit * (g * unit).mean(-1, keepdim=True)) * rstd).to(total.dtype)
        dgamma = (up * unit).reshape(-1, gamma.numel()).sum(0).to(gamma.dtype)
        return dx, dx, dgamma, None


def add_rms_norm(x, residual, gamma, *, eps=1e-6):
    return _Fused.apply(x, residual, gamma, eps)
