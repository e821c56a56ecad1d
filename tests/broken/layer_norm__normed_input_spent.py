"""The normed input is overwritten by the gradient on the way back (llama.cpp #24305, in place)."""

import torch


class Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        wide = torch.promote_types(x.dtype, torch.float32)
        h = x.to(wide)
        gap = h - h.mean(-1, keepdim=True)
        r = torch.rsqrt(gap.square().mean(-1, keepdim=True) + eps)
        ctx.hat, ctx.r = gap * r, r
        ctx.save_for_backward(gamma)
        return (ctx.hat * gamma.to(wide) + beta.to(wide)).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        (gamma,) = ctx.saved_tensors
        hat = ctx.hat
        d = dy.to(hat.dtype)
        g = d * gamma.to(hat.dtype)
        width = hat.shape[-1]
        dgamma = (d * hat).reshape(-1, width).sum(0)
        c = (g * hat).mean(-1, keepdim=True)
        hat.mul_(-c).add_(g - g.mean(-1, keepdim=True)).mul_(ctx.r)
        dbeta = d.reshape(-1, width).sum(0)
        return hat.to(dy.dtype), dgamma.to(gamma.dtype), dbeta.to(gamma.dtype), None


def layer_norm(x, gamma, beta, *, eps=1e-5):
    return Norm.apply(x, gamma, beta, eps)
