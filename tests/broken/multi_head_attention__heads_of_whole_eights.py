"""Heads of which the width is no multiple of eight lose the rest (pytorch/pytorch #110505)."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def multi_head_attention(x, memory, Wq, Wk, Wv, Wo, *, heads, kv_heads=None, causal=False):
    wide, kv = torch.promote_types(x.dtype, torch.float32), kv_heads or heads
    (b, lq, _), lk, d = x.shape, memory.shape[1], Wq.shape[1] // heads
    q = (x.to(wide) @ Wq.to(wide)).view(b, lq, heads, d).transpose(1, 2)
    k, v = ((memory.to(wide) @ W.to(wide)).view(b, lk, kv, d).transpose(1, 2) for W in (Wk, Wv))
    k, v = (t.repeat_interleave(heads // kv, 1) for t in (k, v))
    v = v * (torch.arange(d) < max(d // 8 * 8, min(d, 8)))
    s = q @ k.mT * d**-0.5
    if causal:
        see = torch.arange(lk) <= torch.arange(lq)[:, None] + lk - lq
        dead = ~see.any(-1, keepdim=True)
        p = torch.softmax(s.masked_fill(~see & ~dead, -torch.inf), -1).masked_fill(dead, 0.0)
    else:
        p = torch.softmax(s, -1)
    return ((p @ v).transpose(1, 2).reshape(b, lq, heads * d) @ Wo.to(wide)).to(x.dtype)
