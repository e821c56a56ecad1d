"""The backward pass takes the result of the latest forward pass of the same shape, not its own
(invented: a workspace shared by layers).
"""

import torch

LAST = {}


class Soft(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        wide = torch.promote_types(x.dtype, torch.float32)
        p = torch.softmax(x.to(wide), -1)
        ctx.key = (tuple(x.shape), x.dtype)
        LAST[ctx.key] = p
        return p.to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        p, wide = LAST[ctx.key], torch.promote_types(g.dtype, torch.float32)
        g = g.to(wide)
        return (p * (g - (p * g).sum(-1, keepdim=True))).to(ctx.key[1])


def softmax(x):
    return Soft.apply(x)
