"""Ignores the boundaries: all keys of the pack are visible to every query."""

import math

import torch

MISTAKE = "attention_varlen.leaks"


def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, window=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    out = torch.zeros(*q.shape[:2], v.shape[-1], dtype=wide)
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    for _ in range(len(cu_q) - 1):
        rows, keys = slice(0, len(q)), slice(0, len(k))
        ks, vs = (
            x[keys].to(wide).repeat_interleave(q.shape[1] // x.shape[1], dim=1) for x in (k, v)
        )
        s = torch.einsum("qhd,khd->hqk", q[rows].to(wide), ks) * scale
        lq, lk = s.shape[1:]
        age = torch.arange(lq)[:, None] + lk - lq - torch.arange(lk)
        see = (age >= 0) | (not causal)
        see = see if window is None else see & (age.abs() < window)
        dead = ~see.any(-1, keepdim=True)
        p = torch.softmax(s.masked_fill(~see & ~dead, -math.inf), dim=-1) * ~dead
        out[rows] = torch.einsum("hqk,khd->qhd", p, vs)
    return out.to(q.dtype)
