"""Norms with hand-written backward passes, as a fused kernel has them: only statistics are kept."""

import torch
from torch.autograd import Function

CONFORM = {"dtypes": ["float32", "float64", "bfloat16", "float16"]}


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def chunked_stats(x, chunk=16):
    """Welford's merge over chunks of the row."""
    n = torch.zeros((), dtype=x.dtype)
    mean = x.new_zeros(x.shape[:-1])
    m2 = x.new_zeros(x.shape[:-1])
    for part in x.split(chunk, -1):
        k = part.shape[-1]
        pm = part.mean(-1)
        p2 = (part - pm[..., None]).square().sum(-1)
        delta = pm - mean
        total = n + k
        mean = mean + delta * (k / total)
        m2 = m2 + p2 + delta * delta * (n * k / total)
        n = total
    return mean, m2 / n


class LayerNorm(Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        wide = up(x)
        mean, var = chunked_stats(wide)
        rstd = torch.rsqrt(var + eps)
        ctx.save_for_backward(x, gamma, mean, rstd)
        y = (wide - mean[..., None]) * rstd[..., None]
        return (y * up(gamma) + up(beta)).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        x, gamma, mean, rstd = ctx.saved_tensors
        xhat = (up(x) - mean[..., None]) * rstd[..., None]
        dy = up(dy)
        g = dy * up(gamma)
        c1 = (g * xhat).mean(-1, keepdim=True)
        c2 = g.mean(-1, keepdim=True)
        dx = (g - c2 - xhat * c1) * rstd[..., None]
        rows = tuple(range(x.dim() - 1))
        dgamma = (dy * xhat).sum(rows) if rows else dy * xhat
        dbeta = dy.sum(rows) if rows else dy
        return dx.to(x.dtype), dgamma.to(gamma.dtype), dbeta.to(gamma.dtype), None


class RMSNorm(Function):
    @staticmethod
    def forward(ctx, x, gamma, eps):
        wide = up(x)
        rstd = torch.rsqrt((wide * wide).mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(x, gamma, rstd)
        return (wide * rstd * up(gamma)).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        x, gamma, rstd = ctx.saved_tensors
        wide, dy = up(x), up(dy)
        m = dy * up(gamma)
        dx = rstd * m - rstd**3 * wide * (m * wide).mean(-1, keepdim=True)
        rows = tuple(range(x.dim() - 1))
        dgamma = dy * wide * rstd
        return dx.to(x.dtype), (dgamma.sum(rows) if rows else dgamma).to(gamma.dtype), None


def layer_norm(x, gamma, beta, *, eps=1e-5):
    if gamma.shape != x.shape[-1:] or beta.shape != x.shape[-1:] or eps < 0:
        raise ValueError(f"gamma={tuple(gamma.shape)} does not fit x={tuple(x.shape)}")
    return LayerNorm.apply(x, gamma, beta, eps)


def rms_norm(x, gamma, *, eps=1e-6):
    if gamma.shape != x.shape[-1:] or eps < 0:
        raise ValueError(f"gamma={tuple(gamma.shape)} does not fit x={tuple(x.shape)}")
    return RMSNorm.apply(x, gamma, eps)


def add_layer_norm(x, residual, gamma, beta, *, eps=1e-5):
    s = x + residual
    return LayerNorm.apply(s, gamma, beta, eps), s


def add_rms_norm(x, residual, gamma, *, eps=1e-6):
    s = x + residual
    return RMSNorm.apply(s, gamma, eps), s


def batch_norm(x, gamma, beta, *, eps=1e-5):
    wide = up(x).movedim(-1, 0).flatten(1)
    mean, var = chunked_stats(wide, 64)
    y = (up(x) - mean) * torch.rsqrt(var + eps) * up(gamma) + up(beta)
    return y.to(x.dtype)


def pre_norm_residual(x, sublayer, gamma, beta, *, eps=1e-5):
    return x + sublayer(LayerNorm.apply(x, gamma, beta, eps))


def post_norm_residual(x, sublayer, gamma, beta, *, eps=1e-5):
    return LayerNorm.apply(x + sublayer(x), gamma, beta, eps)
