"""Multi-head attention by one projection, a split into heads, and one output product."""

import math

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def attend(q, k, v, causal):
    lq, lk = q.shape[-2], k.shape[-2]
    s = q @ k.mT / math.sqrt(q.shape[-1])
    see = torch.ones(lq, lk, dtype=torch.bool).tril(lk - lq) | (not causal)
    alive = see.any(-1, keepdim=True)
    return (torch.softmax(s.masked_fill(~see & alive, -math.inf), dim=-1) * alive) @ v


def self_attention(x, Wq, Wk, Wv, *, causal=False):
    y, *weights = (t.to(torch.promote_types(t.dtype, torch.float32)) for t in (x, Wq, Wk, Wv))
    return attend(*(y @ w for w in weights), causal).to(x.dtype)


def cross_attention(x, memory, Wq, Wk, Wv):
    y, m, wq, wk, wv = (
        t.to(torch.promote_types(t.dtype, torch.float32)) for t in (x, memory, Wq, Wk, Wv)
    )
    return attend(y @ wq, m @ wk, m @ wv, False).to(x.dtype)


def multi_head_attention(x, memory, Wq, Wk, Wv, Wo, *, heads, kv_heads=None, causal=False):
    kv_heads = heads if kv_heads is None else kv_heads
    y, m, wq, wk, wv, wo = (
        t.to(torch.promote_types(t.dtype, torch.float32)) for t in (x, memory, Wq, Wk, Wv, Wo)
    )
    q = (y @ wq).unflatten(-1, (heads, -1)).transpose(1, 2)
    k, v = (
        (m @ w)
        .unflatten(-1, (kv_heads, -1))
        .transpose(1, 2)
        .repeat_interleave(heads // kv_heads, 1)
        for w in (wk, wv)
    )
    return (attend(q, k, v, causal).transpose(1, 2).flatten(2) @ wo).to(x.dtype)
