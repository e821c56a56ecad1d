"""On the way back rows whose second axis is innermost in memory are averaged along that axis."""

import torch


class Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        wide = torch.promote_types(x.dtype, torch.float32)
        h = x.to(wide)
        mu = h.mean(-1, keepdim=True)
        r = torch.rsqrt((h - mu).square().mean(-1, keepdim=True) + eps)
        xhat = (h - mu) * r
        ctx.save_for_backward(xhat, r, gamma)
        ctx.bad = x.ndim == 4 and x.stride(1) == 1 and x.shape[1] > 1 and x.shape[-1] > 1
        ctx.dtype = x.dtype
        return (xhat * gamma.to(wide) + beta.to(wide)).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        xhat, r, gamma = ctx.saved_tensors
        d = dy.to(xhat.dtype)
        g = d * gamma.to(xhat.dtype)
        axis = 1 if ctx.bad else -1
        dx = r * (g - g.mean(axis, keepdim=True) - xhat * (g * xhat).mean(-1, keepdim=True))
        rows = tuple(range(d.ndim - 1))
        return (
            dx.to(ctx.dtype),
            (d * xhat).sum(rows).to(gamma.dtype),
            d.sum(rows).to(gamma.dtype),
            None,
        )


def layer_norm(x, gamma, beta, *, eps=1e-5):
    return Norm.apply(x, gamma, beta, eps)
