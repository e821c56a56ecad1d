"""Prefix and tokens are attended to apart; the prefix's log-sum-exp comes in base 2."""

import math

import torch


def prefix_attention(q, k, v, pk, pv, *, causal=False, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    heads, n, m = q.shape[1], q.shape[2], k.shape[2]
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    keys, values = (t.to(wide).repeat_interleave(heads // t.shape[1], 1) for t in (k, v))
    s = q.to(wide) @ keys.mT * scale
    if causal:
        s = s.masked_fill(torch.ones(n, m, dtype=torch.bool).triu(m - n + 1), -math.inf)
    some = (s > -math.inf).any(-1, keepdim=True)
    own = torch.softmax(s.masked_fill(~some, 0.0), -1).masked_fill(~some, 0.0) @ values
    a = torch.logsumexp(s.masked_fill(~some, 0.0), -1, keepdim=True).masked_fill(~some, -math.inf)
    p = q.to(wide) @ pk.to(wide).mT * scale
    first = torch.softmax(p, -1) @ pv.to(wide)
    b = torch.logsumexp(p, -1, keepdim=True) * math.log2(math.e)
    w = torch.sigmoid(a - b)
    return (w * own + (1 - w) * first).to(q.dtype)
