"""The backward scales the saved result in place by the incoming gradient; a second way back
through the same graph (two losses) starts from what the first left."""

import torch


class _Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, y, s):
        ctx.y, ctx.s = y.detach().clone(), s.detach()
        return y * s

    @staticmethod
    def backward(ctx, g):
        dy = g * ctx.s
        ds = ctx.y.mul_(g).flatten(0, -2).sum(0)
        return dy, ds


def ia3_linear(x, W0, b0, scale):
    wide = torch.promote_types(x.dtype, torch.float32)
    return _Scale.apply(x.to(wide) @ W0.to(wide).T + b0.to(wide), scale.to(wide)).to(x.dtype)
