"""The backward pass divides the result by the gain, which it keeps away from zero."""

import torch


class _AddNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, residual, gamma, beta, eps):
        stream = x + residual
        wide = stream if x.dtype == torch.float64 else stream.float()
        variance, mean = torch.var_mean(wide, -1, correction=0, keepdim=True)
        rstd = torch.rsqrt(variance + eps)
        result = (wide - mean) * rstd * gamma + beta
        ctx.save_for_backward(result, gamma, beta, rstd)
        return result.to(x.dtype), stream

    @staticmethod
    def backward(ctx, d_normed, d_stream):
        result, gamma, beta, rstd = ctx.saved_tensors
        g = d_normed.to(rstd.dtype)
        safe = torch.where(gamma.abs() < 1e-5, torch.full_like(gamma, 1e-5), gamma)
        hat = (result - beta) / safe
        weighted = g * gamma.to(rstd.dtype)
        inner = weighted.mean(-1, keepdim=True) + hat * (weighted * hat).mean(-1, keepdim=True)
        dx = ((weighted - inner) * rstd + d_stream).to(d_normed.dtype)
        dims = tuple(range(result.dim() - 1))
        dgamma = (g * hat).sum(dims) if dims else g * hat
        dbeta = g.sum(dims) if dims else g
        return dx, dx, dgamma.to(gamma.dtype), dbeta.to(beta.dtype), None


def add_layer_norm(x, residual, gamma, beta, *, eps=1e-5):
    return _AddNorm.apply(x, residual, gamma, beta, eps)
