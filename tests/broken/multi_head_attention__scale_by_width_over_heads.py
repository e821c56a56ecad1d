"""The scale is that of E / heads, whatever width the heads really have."""

import math

import torch


def multi_head_attention(x, memory, Wq, Wk, Wv, Wo, *, heads, kv_heads=None, causal=False):
    kv = heads if kv_heads is None else kv_heads
    q = (x @ Wq).unflatten(-1, (heads, -1)).transpose(1, 2)
    k = (memory @ Wk).unflatten(-1, (kv, -1)).transpose(1, 2)
    v = (memory @ Wv).unflatten(-1, (kv, -1)).transpose(1, 2)
    k, v = k.repeat_interleave(heads // kv, dim=1), v.repeat_interleave(heads // kv, dim=1)
    wide = torch.promote_types(x.dtype, torch.float32)
    lq, lk = q.shape[2], k.shape[2]
    s = q.to(wide) @ k.to(wide).mT * (x.shape[-1] / heads) ** -0.5
    if causal:
        s = s.masked_fill(torch.ones(lq, lk, dtype=torch.bool).triu(1 + lk - lq), -math.inf)
    empty = torch.isneginf(s).all(-1, keepdim=True)
    p = torch.softmax(s.masked_fill(empty, 0), dim=-1).masked_fill(empty, 0)
    o = (p.to(v.dtype) @ v).transpose(1, 2).flatten(-2)
    return o @ Wo
