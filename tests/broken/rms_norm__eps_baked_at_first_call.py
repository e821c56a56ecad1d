"""The compiled kernel is kept by width and dtype, and eps is baked into it at the first call."""

import torch


class Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, eps):
        wide = torch.promote_types(x.dtype, torch.float32)
        root = torch.rsqrt(x.to(wide).square().mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(x, root, gamma)
        return (x.to(wide) * root * gamma.to(wide)).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        x, root, gamma = ctx.saved_tensors
        wide = torch.promote_types(x.dtype, torch.float32)
        root = root.to(wide)
        hat = x.to(wide) * root
        w = g.to(wide) * gamma.to(wide)
        dx = root * (w - hat * (w * hat).mean(-1, keepdim=True))
        dgamma = (g.to(wide) * hat).flatten(0, -2).sum(0)
        return dx.to(x.dtype), dgamma.to(gamma.dtype), None


_COMPILED = {}


def rms_norm(x, gamma, *, eps=1e-6):
    eps = _COMPILED.setdefault((x.shape[-1], x.dtype), eps)
    return Norm.apply(x, gamma, eps)
