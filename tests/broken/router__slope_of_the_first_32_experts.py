"""The backward pass of the softmax sums over the first 32 experts."""

import torch


class _Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):
        p = torch.softmax(z, -1)
        ctx.save_for_backward(p)
        return p

    @staticmethod
    def backward(ctx, slope):
        (p,) = ctx.saved_tensors
        return p * (slope - (slope * p)[:, :32].sum(-1, keepdim=True))


def router(x, Wg, *, top_k=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    w, i = _Softmax.apply(x.to(wide) @ Wg.to(wide)).topk(top_k, -1)
    return i, w.to(x.dtype)
