"""The way back reads what the last call of that shape left behind."""

import torch

_kept = {}


class _Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.key = (x.shape, x.dtype)
        _kept[ctx.key] = torch.softmax(x, -1)
        return _kept[ctx.key].clone()

    @staticmethod
    def backward(ctx, g):
        p = _kept[ctx.key]
        return p * (g - (p * g).sum(-1, keepdim=True))


def softmax(x, *, dim=-1):
    return _Softmax.apply(x.movedim(dim, -1)).movedim(-1, dim)
