"""Means by products with a vector of ones; the way back of the norms by hand with such products."""

import torch


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        wide = torch.promote_types(x.dtype, torch.float32)
        w = x.to(wide).reshape(-1, x.shape[-1])
        one = torch.full((x.shape[-1], 1), 1.0 / x.shape[-1], dtype=wide)
        c = w - w @ one
        r = torch.rsqrt((c * c) @ one + eps)
        ctx.save_for_backward(x, gamma, w @ one, r, one)
        return (c * r * gamma.to(wide) + beta.to(wide)).to(x.dtype).view(x.shape)

    @staticmethod
    def backward(ctx, g):
        x, gamma, mean, r, one = ctx.saved_tensors
        w = x.to(r.dtype).reshape(-1, x.shape[-1])
        g2 = g.to(r.dtype).reshape(w.shape)
        n = (w - mean) * r
        d = g2 * gamma.to(r.dtype)
        dx = r * (d - d @ one - n * ((d * n) @ one))
        rows = torch.ones(1, len(w), dtype=r.dtype)
        return (
            dx.to(x.dtype).view(x.shape),
            (rows @ (g2 * n))[0].to(gamma.dtype),
            (rows @ g2)[0].to(gamma.dtype),
            None,
        )


def layer_norm(x, gamma, beta, *, eps=1e-5):
    return _Norm.apply(x, gamma, beta, eps)


def pre_norm_residual(x, sublayer, gamma, beta, *, eps=1e-5):
    return x + sublayer(layer_norm(x, gamma, beta, eps=eps))


def post_norm_residual(x, sublayer, gamma, beta, *, eps=1e-5):
    return layer_norm(x + sublayer(x), gamma, beta, eps=eps)
