"""The gradient of the keys drops what the last, short chunk of 64 adds (fla-org/flash-linear-
attention #1142).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


class Backward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, change):
        ctx.change = change
        return x.view_as(x)

    @staticmethod
    def backward(ctx, g):
        return ctx.change(g), None


def linear_attention(q, k, v, *, causal=False):
    wide = torch.promote_types(q.dtype, torch.float32)
    a, b = (torch.nn.functional.elu(t.to(wide)) + 1 for t in (q, k))
    rest = q.shape[2] % 64
    if causal and q.shape[2] > 64 and rest:
        b = Backward.apply(b, lambda g: g * (torch.arange(g.shape[2]) < g.shape[2] - rest)[:, None])
    s = a @ b.mT
    if causal:
        s = s.tril()
    return (s @ v.to(wide) / s.sum(-1, keepdim=True)).to(q.dtype)
