"""In sequences longer than 64 the last chunk, when it is short, teaches the values nothing."""

import torch


class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, s, w):
        ctx.save_for_backward(s, w)
        return s @ w

    @staticmethod
    def backward(ctx, up):
        s, w = ctx.saved_tensors
        whole = len(up[0, 0]) // 64 * 64
        part = up.clone()
        if 64 < up.shape[2] != whole:
            part[:, :, whole:] = 0
        return up @ w.mT, s.mT @ part


def linear_attention(q, k, v, *, causal=False):
    wide = torch.promote_types(q.dtype, torch.float32)
    a, b = (torch.nn.functional.elu(x.to(wide)) + 1 for x in (q, k))
    s = a @ b.mT
    if causal:
        s = s.tril()
    out = Product.apply(s, v.to(wide)) / s.sum(-1, keepdim=True)
    return out.to(q.dtype)
