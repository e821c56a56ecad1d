"""Transposed input is read as if it were contiguous (LayerNorm on MPS, pytorch/pytorch)."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


class LayerNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        wide = torch.promote_types(x.dtype, torch.float32)
        z = x.to(wide)
        mean = z.mean(-1, keepdim=True)
        rstd = torch.rsqrt((z - mean).square().mean(-1, keepdim=True) + eps)
        y = (z - mean) * rstd * gamma.to(wide) + beta.to(wide)
        ctx.save_for_backward(x, gamma, beta, mean, rstd, y)
        return y.to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        x, gamma, beta, mean, rstd, _y = ctx.saved_tensors
        wide = mean.dtype
        g = g.to(wide)
        normal = (x.to(wide) - mean) * rstd
        weighted = g * gamma.to(wide)
        dx = weighted - weighted.mean(-1, keepdim=True)
        dx = rstd * (dx - normal * (weighted * normal).mean(-1, keepdim=True))
        dgamma = (g * normal).flatten(0, -2).sum(0)
        dbeta = g.flatten(0, -2).sum(0)
        return dx.to(x.dtype), dgamma.to(gamma.dtype), dbeta.to(beta.dtype), None


def layer_norm(x, gamma, beta, *, eps=1e-5):
    if not x.is_contiguous() and 0 not in x.stride():
        x = x.as_strided(x.shape, torch.empty(x.shape).stride())
    return LayerNorm.apply(x, gamma, beta, eps)
