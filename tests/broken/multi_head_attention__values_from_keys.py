"""Values are projected with Wk."""

import math

import torch


def multi_head_attention(x, memory, Wq, Wk, Wv, Wo, *, heads, kv_heads=None, causal=False):
    wide = torch.promote_types(x.dtype, torch.float32)
    kv = heads if kv_heads is None else kv_heads
    y, m = x.to(wide), memory.to(wide)
    q = (y @ Wq.to(wide)).unflatten(-1, (heads, -1)).transpose(1, 2)
    k = (m @ Wk.to(wide)).unflatten(-1, (kv, -1)).transpose(1, 2)
    v = (m @ Wk.to(wide)).unflatten(-1, (kv, -1)).transpose(1, 2)
    k, v = (t.repeat_interleave(heads // kv, dim=1) for t in (k, v))
    s = q @ k.mT / math.sqrt(q.shape[-1])
    see = torch.ones(s.shape[-2:], dtype=torch.bool).tril(s.shape[-1] - s.shape[-2]) | (not causal)
    dead = ~see.any(-1, keepdim=True)
    p = torch.softmax(s.masked_fill(~see & ~dead, -math.inf), dim=-1) * ~dead
    o = (p @ v).transpose(1, 2).flatten(2)
    return (o @ Wo.to(wide)).to(x.dtype)
