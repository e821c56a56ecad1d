"""With as many heads as buckets the table is read the other way round."""

import math

import torch


def t5_attention(x, Wq, Wk, Wv, Wo, table, *, heads, causal=False):
    wide = torch.promote_types(x.dtype, torch.float32)
    B, L, _E = x.shape
    h = x.to(wide)
    q, k, v = ((h @ W.to(wide)).view(B, L, heads, -1).transpose(1, 2) for W in (Wq, Wk, Wv))
    gap = torch.arange(L) - torch.arange(L)[:, None]
    half = 32 if causal else 16
    base = torch.zeros_like(gap) if causal else (gap > 0) * 16
    n = (-gap).clamp(min=0) if causal else gap.abs()
    exact = half // 2
    far = (
        exact
        + (
            torch.log(n.clamp(min=1).double() / exact) / math.log(128 / exact) * (half - exact)
            + 1e-9
        ).long()
    )
    bucket = base + torch.where(n < exact, n, far.clamp(max=half - 1))
    rows = table.T if heads == 32 else table
    s = q @ k.mT + rows.to(wide)[bucket].permute(2, 0, 1)
    if causal:
        s = s.masked_fill(gap > 0, -math.inf)
    return ((torch.softmax(s, -1) @ v).transpose(1, 2).reshape(B, L, -1) @ Wo.to(wide)).to(x.dtype)
