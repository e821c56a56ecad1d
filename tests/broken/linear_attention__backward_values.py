"""The gradient of the values is taken over the wrong axis of square scores."""

import torch


class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, s, w):
        ctx.save_for_backward(s, w)
        return s @ w

    @staticmethod
    def backward(ctx, up):
        s, w = ctx.saved_tensors
        return up @ w.mT, s @ up


def linear_attention(q, k, v, *, causal=False):
    wide = torch.promote_types(q.dtype, torch.float32)
    a, b = (torch.nn.functional.elu(x.to(wide)) + 1 for x in (q, k))
    s = a @ b.mT
    if causal:
        s = s.tril()
    out = Product.apply(s, v.to(wide)) / s.sum(-1, keepdim=True)
    return out.to(q.dtype)
