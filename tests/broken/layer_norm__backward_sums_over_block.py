"""Sums of the backward pass run over all rows of a block of 4."""

import torch


class Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        y = x.to(torch.promote_types(x.dtype, torch.float32))
        mean = y.mean(-1, keepdim=True)
        rstd = torch.rsqrt((y - mean).square().mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(x, gamma, mean, rstd)
        return ((y - mean) * rstd * gamma + beta).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        x, gamma, mean, rstd = ctx.saved_tensors
        hat = (x.to(mean.dtype) - mean) * rstd
        dy = dy.to(mean.dtype)
        g = dy * gamma
        c1, c2 = (g * hat).mean(-1, keepdim=True), g.mean(-1, keepdim=True)
        c1, c2 = ((c.flatten(0, -2), c.shape) for c in (c1, c2))
        c1, c2 = (
            torch.cat([b.sum(0, True).expand_as(b) for b in c.split(4)]).view(s)
            if len(c)
            else c.view(s)
            for c, s in (c1, c2)
        )
        dx = (g - hat * c1 - c2) * rstd
        rows = (dy * hat).flatten(0, -2)
        dgamma, dbeta = rows.sum(0), dy.flatten(0, -2).sum(0)
        return dx.to(x.dtype), dgamma.to(gamma.dtype), dbeta.to(gamma.dtype), None


def layer_norm(x, gamma, beta, *, eps=1e-5):
    return Norm.apply(x, gamma, beta, eps)
