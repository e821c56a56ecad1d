"""The backward pass takes the normalised values from the result, dividing by the gain."""

import torch


class _AddNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, residual, gamma, eps):
        stream = x + residual
        wide = stream if x.dtype == torch.float64 else stream.float()
        rstd = torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)
        result = wide * rstd * gamma
        ctx.save_for_backward(result, gamma, rstd)
        return result.to(x.dtype), stream

    @staticmethod
    def backward(ctx, d_normed, d_stream):
        result, gamma, rstd = ctx.saved_tensors
        g = d_normed.to(rstd.dtype)
        hat = torch.where(gamma == 0, torch.zeros_like(result), result / gamma)
        weighted = g * gamma.to(rstd.dtype)
        dx = (weighted - hat * (weighted * hat).mean(-1, keepdim=True)) * rstd + d_stream
        dims = tuple(range(result.dim() - 1))
        dgamma = (g * hat).sum(dims) if dims else g * hat
        dx = dx.to(d_normed.dtype)
        return dx, dx, dgamma.to(gamma.dtype), None


def add_rms_norm(x, residual, gamma, *, eps=1e-6):
    return _AddNorm.apply(x, residual, gamma, eps)
