"""Attention over chunks of queries, each recomputed by a reentrant checkpoint; baddbmm."""

import torch
from torch.utils.checkpoint import checkpoint

CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {
        "attention": {
            "rounding": "scores-in-dtype",
            "conventions": {"masked_rows": "mean_of_values"},
            "requires": ["Lk > 0"],
        },
    },
}


def _chunk(q, k, v, add, scale):
    s = torch.baddbmm(add, q, k.mT, beta=1, alpha=scale)
    p = torch.softmax(s.float() if s.dtype != torch.float64 else s, -1).to(v.dtype)
    return torch.bmm(p, v)


def attention(q, k, v, *, causal=False, mask=None, bias=None, scale=None):
    (b, h, lq, d), kv, lk = q.shape, k.shape[1], k.shape[2]
    k, v = (t.repeat_interleave(h // kv, 1).reshape(b * h, lk, t.shape[-1]) for t in (k, v))
    low = torch.finfo(q.dtype).min
    add = q.new_zeros(b, h, lq, lk) if bias is None else bias.to(q.dtype).expand(b, h, lq, lk)
    if causal:
        far = torch.arange(lq)[:, None] + lk - lq - torch.arange(lk)
        add = add.masked_fill(far < 0, low)
    if mask is not None:
        add = add.masked_fill(~mask, low)
    scale = d**-0.5 if scale is None else scale
    q, add = q.reshape(b * h, lq, d), add.reshape(b * h, lq, lk)
    parts = [
        checkpoint(_chunk, q[:, i : i + 20], k, v, add[:, i : i + 20], scale, use_reentrant=True)
        for i in range(0, max(lq, 1), 20)
    ]
    return torch.cat(parts, 1).reshape(b, h, lq, v.shape[-1])
