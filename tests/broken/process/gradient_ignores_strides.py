"""On the way back the softmax is read from memory as if it were contiguous."""

import torch


class _Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.softmax(x, -1)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        read = x.as_strided(x.shape, x.contiguous().stride(), x.storage_offset())
        p = torch.softmax(read, -1)
        return p * (g - (p * g).sum(-1, keepdim=True))


def softmax(x, *, dim=-1):
    return _Softmax.apply(x.movedim(dim, -1)).movedim(-1, dim)
