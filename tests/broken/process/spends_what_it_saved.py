"""The way back is computed in the memory of what was saved for it; a second one finds that."""

import torch


class _Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.kept = torch.softmax(x, -1)
        return ctx.kept.clone()

    @staticmethod
    def backward(ctx, g):
        p = ctx.kept
        return p.mul_(g - (p * g).sum(-1, keepdim=True))


def softmax(x, *, dim=-1):
    return _Softmax.apply(x.movedim(dim, -1)).movedim(-1, dim)
