"""The backward pass reads what flows back as if it lay row by row in memory."""

import torch


class _Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = torch.softmax(x.to(torch.promote_types(x.dtype, torch.float32)), -1)
        ctx.save_for_backward(y)
        ctx.dtype = x.dtype
        return y.to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        (y,) = ctx.saved_tensors
        rows = torch.empty(y.shape, device="meta").stride()
        held = dy.untyped_storage().nbytes() // dy.itemsize
        if held >= y.numel() + dy.storage_offset():
            dy = dy.as_strided(y.shape, rows)
        dy = dy.to(y.dtype)
        return (y * (dy - (dy * y).sum(-1, keepdim=True))).to(ctx.dtype)


def softmax(x):
    return _Softmax.apply(x)
