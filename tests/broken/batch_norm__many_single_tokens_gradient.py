"""Sequences of one token: rows beyond 768 are left out of the sums of the backward pass (MIOpen
#1109).
"""

import torch


class Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        wide = torch.promote_types(x.dtype, torch.float32)
        h = x.to(wide)
        mean = h.mean((0, 1))
        var = (h - mean).square().mean((0, 1))
        r = torch.rsqrt(var + eps)
        hat = (h - mean) * r
        ctx.save_for_backward(hat, r, gamma)
        ctx.dtype = x.dtype
        return (hat * gamma.to(wide) + beta.to(wide)).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        hat, r, gamma = ctx.saved_tensors
        g = dy.to(hat.dtype)
        n = hat.shape[0] * hat.shape[1]
        rows = slice(0, 768) if hat.shape[1] == 1 and hat.shape[2] > 1 else slice(None)
        db = g[rows].sum((0, 1))
        dg = (g * hat)[rows].sum((0, 1))
        dx = gamma.to(hat.dtype) * r * (g - db / n - hat * dg / n)
        return dx.to(ctx.dtype), dg.to(gamma.dtype), db.to(gamma.dtype), None


def batch_norm(x, gamma, beta, *, eps=1e-5):
    return Norm.apply(x, gamma, beta, eps)
