"""The result is kept on ctx as it is, not saved: what the caller writes into it, a residual say,
changes the way back and nothing raises (as of views in pytorch #24413).
"""

import torch


class Fn(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        wide = torch.promote_types(x.dtype, torch.float32)
        y = torch.softmax(x.to(wide), -1).to(x.dtype)
        ctx.y = y.detach()
        return y

    @staticmethod
    def backward(ctx, g):
        wide = torch.promote_types(g.dtype, torch.float32)
        y, g32 = ctx.y.to(wide), g.to(wide)
        return (y * (g32 - (y * g32).sum(-1, keepdim=True))).to(g.dtype)


def softmax(x):
    return Fn.apply(x)
