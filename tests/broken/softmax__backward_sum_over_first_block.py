"""Backward sums over the first 256 entries of a row."""

import torch

BLOCK = 256


class _Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        w = torch.float64 if x.dtype == torch.float64 else torch.float32
        y = x.to(w)
        N = y.shape[-1]
        m = y.new_full(y.shape[:-1], float("-inf"))
        norm = torch.zeros_like(m)
        for a in range(0, N, BLOCK):
            part = y[..., a : a + BLOCK]
            new = torch.maximum(m, part.amax(-1))
            norm = torch.where(m == new, norm, norm * torch.exp(m - new)) + torch.exp(
                part - new[..., None]
            ).sum(-1)
            m = new
        p = torch.exp(y - m[..., None]) / norm[..., None]
        ctx.save_for_backward(p)
        ctx.dtype = x.dtype
        return p.to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        (p,) = ctx.saved_tensors
        g = g.to(p.dtype)
        inner = (p * g)[..., :BLOCK].sum(-1, keepdim=True)
        return (p * (g - inner)).to(ctx.dtype)


def softmax(x):
    return _Softmax.apply(x)
