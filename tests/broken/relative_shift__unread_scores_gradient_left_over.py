"""The backward pass fills an uninitialised gradient and leaves the columns that no row reads."""

import torch


class Shift(torch.autograd.Function):
    @staticmethod
    def forward(ctx, s):
        T = s.shape[2]
        ctx.shape = s.shape
        i = torch.arange(T)
        ctx.index = (T - 1 - i[:, None] + i).expand(*s.shape[:2], T, T)
        return torch.gather(s, 3, ctx.index)

    @staticmethod
    def backward(ctx, g):
        out = g.new_empty(ctx.shape)
        return out.scatter_(3, ctx.index, g)


def relative_shift(scores):
    return Shift.apply(scores)
