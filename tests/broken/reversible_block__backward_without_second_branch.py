"""The hand-written backward of the first stream leaves out what comes through g."""

import torch


class Cut(torch.autograd.Function):
    @staticmethod
    def forward(ctx, y1):
        return y1.clone()

    @staticmethod
    def backward(ctx, grad):
        return torch.zeros_like(grad)


def reversible_block(x1, x2, f, g):
    if x1.shape != x2.shape:
        raise ValueError("shapes")
    wide = torch.promote_types(x1.dtype, torch.float32)
    y1 = x1.to(wide) + f(x2.to(wide))
    y2 = x2.to(wide) + g(Cut.apply(y1))
    return y1.to(x1.dtype), y2.to(x2.dtype)
