"""Buckets of distances beyond 128 are not cut off and run into those of the other direction."""

import math

import torch


def t5_attention(x, Wq, Wk, Wv, Wo, table, *, heads=1, causal=False):
    wide = torch.promote_types(x.dtype, torch.float32)
    y, n = x.to(wide), x.shape[1]
    q, k, v = ((y @ w.to(wide)).unflatten(-1, (heads, -1)).transpose(1, 2) for w in (Wq, Wk, Wv))
    rel = torch.arange(n) - torch.arange(n)[:, None]
    half = 32 if causal else 16
    d = (-rel).clamp(min=0) if causal else rel.abs()
    exact = half // 2
    far = (
        exact
        + (
            torch.log(d.clamp(min=1).double() / exact) / math.log(128 / exact) * (half - exact)
            + 1e-9
        ).long()
    )
    bucket = torch.where(d < exact, d, far) + (0 if causal else half * (rel > 0))
    s = q @ k.mT + table.to(wide)[bucket.clamp(max=31)].permute(2, 0, 1)
    if causal:
        s = s.masked_fill(torch.ones(n, n, dtype=torch.bool).triu(1), -math.inf)
    return ((torch.softmax(s, -1) @ v).transpose(1, 2).flatten(2) @ Wo.to(wide)).to(x.dtype)
