"""The decoder's bias is looked up with buckets for both directions."""

import math

import torch


def t5_attention(x, Wq, Wk, Wv, Wo, table, *, heads=1, causal=False):
    wide = torch.promote_types(x.dtype, torch.float32)
    y, n = x.to(wide), x.shape[1]
    q, k, v = ((y @ w.to(wide)).unflatten(-1, (heads, -1)).transpose(1, 2) for w in (Wq, Wk, Wv))
    rel = torch.arange(n) - torch.arange(n)[:, None]
    d = rel.abs()
    exact, half = 8, 16
    far = (
        exact
        + (
            torch.log(d.clamp(min=1).double() / exact) / math.log(128 / exact) * (half - exact)
            + 1e-9
        ).long()
    )
    bucket = torch.where(d < exact, d, far.clamp(max=half - 1)) + half * (rel > 0)
    s = q @ k.mT + table.to(wide)[bucket].permute(2, 0, 1)
    if causal:
        s = s.masked_fill(torch.ones(n, n, dtype=torch.bool).triu(1), -math.inf)
    return ((torch.softmax(s, -1) @ v).transpose(1, 2).flatten(2) @ Wo.to(wide)).to(x.dtype)
