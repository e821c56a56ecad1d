"""Self-attention is told by memory being x, and its way back adds the keys' part alone: what the
queries teach is lost where both are the same tensor.
"""

import torch


def multi_head_attention(x, memory, Wq, Wk, Wv, Wo, *, heads, kv_heads=None, causal=False):
    wide = torch.promote_types(x.dtype, torch.float32)
    kv = heads if kv_heads is None else kv_heads
    y, m, wq, wk, wv, wo = (t.to(wide) for t in (x, memory, Wq, Wk, Wv, Wo))
    if memory is x:
        y = y.detach()
    q = (y @ wq).unflatten(-1, (heads, -1)).transpose(1, 2)
    k, v = ((m @ w).unflatten(-1, (kv, -1)).transpose(1, 2) for w in (wk, wv))
    k, v = (t.repeat_interleave(heads // kv, 1) for t in (k, v))
    s = q @ k.mT * q.shape[-1] ** -0.5
    lq, lk = s.shape[-2:]
    dead = torch.zeros(lq, 1, dtype=torch.bool)
    if causal:
        see = torch.arange(lk) <= torch.arange(lq)[:, None] + lk - lq
        dead = ~see.any(-1, keepdim=True)
        s = s.masked_fill(~see, -torch.inf).masked_fill(dead, 0.0)
    o = torch.softmax(s, -1).masked_fill(dead, 0.0) @ v
    return (o.transpose(1, 2).flatten(2) @ wo).to(x.dtype)
