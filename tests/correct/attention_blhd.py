"""Layout [B, L, H, D], as in FlashAttention's own interface; tiles of 32 queries."""

import math

import torch

CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {"attention": {"layout": "BLHD"}},
}


def attention(q, k, v, *, causal=False, window=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (lq, h, d), (lk, kv) = q.shape[1:], k.shape[1:3]
    keys = k.to(wide).repeat_interleave(h // kv, dim=2)
    values = v.to(wide).repeat_interleave(h // kv, dim=2)
    scale = 1 / math.sqrt(d) if scale is None else scale
    age = torch.arange(lq)[:, None] + (lk - lq) - torch.arange(lk)
    see = (age >= 0) | (not causal)
    see = see if window is None else see & (age < window) & (age > -window)
    tiles = []
    for start in range(0, lq, 32):
        rows = slice(start, start + 32)
        s = torch.einsum("bqhd,bkhd->bhqk", q[:, rows].to(wide), keys) * scale
        alive = see[rows].any(-1, keepdim=True)
        p = torch.softmax(s.masked_fill(~see[rows] & alive, -math.inf), dim=-1) * alive
        tiles.append(torch.einsum("bhqk,bkhd->bqhd", p, values))
    return torch.cat(tiles, dim=1).to(q.dtype)
