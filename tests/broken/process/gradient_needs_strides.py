"""On the way back contiguous memory is refused."""

import torch


class _Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        p = torch.softmax(x, -1)
        ctx.save_for_backward(p)
        ctx.contiguous = x.is_contiguous()
        return p

    @staticmethod
    def backward(ctx, g):
        if ctx.contiguous:
            raise RuntimeError("view size is not compatible")
        (p,) = ctx.saved_tensors
        return p * (g - (p * g).sum(-1, keepdim=True))


def softmax(x, *, dim=-1):
    return _Softmax.apply(x.movedim(dim, -1)).movedim(-1, dim)
