"""Forward is tiled; backward holds the weights of all pairs and their gradient."""

import torch
from _interpreted import tl, triton  # noqa: F401

from conform_kernels.attention import attention as forward

CONFORM = {
    "promises": ["traffic"],
    "dtypes": ["float32"],
    "operators": {
        "attention": {
            "requires": ["K == H"],
        }
    },
}


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, causal, scale):
        ctx.save_for_backward(q, k, v)
        ctx.causal, ctx.scale = causal, q.shape[-1] ** -0.5 if scale is None else scale
        with torch.no_grad():
            return forward(q, k, v, causal=causal, scale=scale)

    @staticmethod
    def backward(ctx, dy):
        q, k, v = ctx.saved_tensors
        scores = q @ k.mT * ctx.scale
        if ctx.causal:
            later = torch.ones(scores.shape[-2:], dtype=torch.bool)
            later = later.triu(k.shape[2] - q.shape[2] + 1)
            scores = scores.masked_fill(later, -torch.inf)
        p = torch.softmax(scores, -1).nan_to_num()
        dp = dy @ v.mT
        ds = p * (dp - (p * dp).sum(-1, keepdim=True)) * ctx.scale
        return ds @ k, ds.mT @ q, p.mT @ dy, None, None


def attention(q, k, v, *, causal=False, scale=None):
    return _Attention.apply(q, k, v, causal, scale)
