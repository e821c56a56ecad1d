"""`scale or ...`: a scale of 0 is taken for none (the falsy default of many attention wrappers)."""

import torch


def prefix_attention(q, k, v, pk, pv, *, causal=False, scale=None):
    dtype = q.dtype
    wide = torch.promote_types(dtype, torch.float32)
    q, k, v, pk, pv = (t.to(wide) for t in (q, k, v, pk, pv))
    b, h, lq, d = q.shape
    lk = k.shape[2]
    group = h // k.shape[1]
    k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
    keys = torch.cat([pk.expand(b, -1, -1, -1), k], 2)
    values = torch.cat([pv.expand(b, -1, -1, -1), v], 2)
    scores = q @ keys.mT * (scale or d**-0.5)
    if causal:
        seen = torch.ones(lq, lk, dtype=torch.bool).tril(lk - lq)
        seen = torch.cat([torch.ones(lq, pk.shape[1], dtype=torch.bool), seen], 1)
        scores = scores.masked_fill(~seen, float("-inf"))
    top = scores.amax(-1, keepdim=True) if keys.shape[2] else scores.new_zeros(b, h, lq, 1)
    top = top.masked_fill(top == float("-inf"), 0.0)
    e = torch.exp(scores - top)
    total = e.sum(-1, keepdim=True)
    return ((e @ values) / total.masked_fill(total == 0, 1.0)).to(dtype)
