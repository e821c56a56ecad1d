"""The fused projection has its bias gradient from the kernel of the weight gradient, which is
skipped for a frozen weight: what BitFit trains learns nothing.
"""

import torch


class Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, b):
        ctx.save_for_backward(x, w)
        return x @ w + b

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        dx = g @ w.mT if ctx.needs_input_grad[0] else None
        dw = db = None
        if ctx.needs_input_grad[1]:
            flat = g.reshape(-1, g.shape[-1])
            dw, db = x.reshape(-1, x.shape[-1]).mT @ flat, flat.sum(0)
        return dx, dw, db


def biased_attention(x, Wq, bq, Wk, bk, Wv, bv, *, heads, causal=False):
    b, length, _ = x.shape
    q, k, v = (
        Linear.apply(x, w, c).view(b, length, heads, -1).transpose(1, 2)
        for w, c in ((Wq, bq), (Wk, bk), (Wv, bv))
    )
    s = (q @ k.mT).to(torch.promote_types(x.dtype, torch.float32)) * q.shape[3] ** -0.5
    if causal:
        s = s.masked_fill(~torch.ones(length, length, dtype=torch.bool).tril(), -torch.inf)
    return (torch.softmax(s, -1).to(x.dtype) @ v).transpose(1, 2).reshape(b, length, -1)
