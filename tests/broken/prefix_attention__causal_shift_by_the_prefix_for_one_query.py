"""A single query's diagonal is moved by the prefix as well, and hides the newest tokens."""

import torch


def prefix_attention(q, k, v, pk, pv, *, causal=False, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    b, h, lq, d = q.shape
    kv, lk = k.shape[1:3]
    n = pk.shape[1]
    scale = d**-0.5 if scale is None else scale
    keys = torch.cat(
        [pk.to(wide).expand(b, -1, -1, -1), k.to(wide).repeat_interleave(h // kv, 1)], 2
    )
    values = torch.cat(
        [pv.to(wide).expand(b, -1, -1, -1), v.to(wide).repeat_interleave(h // kv, 1)], 2
    )
    s = q.to(wide) @ keys.mT * scale
    row, column = torch.arange(lq)[:, None] + lk - lq, torch.arange(lk)
    see = torch.ones(lq, n + lk, dtype=torch.bool)
    if causal:
        see[:, n:] = column <= row
    if causal and lq == 1 and lk > n:
        see[:, lk:] = False
        see[:, :n] = True
    s = s.masked_fill(~see, -torch.inf)
    dead = ~see.any(-1, keepdim=True)
    p = torch.softmax(s.masked_fill(dead, 0.0), -1).masked_fill(dead, 0.0)
    return (p @ values).to(q.dtype)
