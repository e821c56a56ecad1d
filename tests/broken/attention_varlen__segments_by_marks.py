"""Sequences are numbered by adding up marks at their starts; two empty ones leave one mark."""

import math

import torch


def one(q, k, v, causal, window, scale):
    lq, lk = q.shape[0], k.shape[0]
    group = q.shape[1] // k.shape[1]
    q, k, v = q.transpose(0, 1), k.transpose(0, 1), v.transpose(0, 1)
    k, v = k.repeat_interleave(group, 0), v.repeat_interleave(group, 0)
    s = q @ k.mT * scale
    gap = torch.arange(lq)[:, None] + lk - lq - torch.arange(lk)
    see = torch.ones(lq, lk, dtype=torch.bool)
    if causal:
        see = see & (gap >= 0)
    if window is not None:
        see = see & (gap.abs() < window)
    s = s.masked_fill(~see, -math.inf)
    top = s.detach().amax(-1, keepdim=True) if lk else s.new_zeros(len(s), lq, 1)
    p = torch.exp(s - top.clamp(min=torch.finfo(s.dtype).min))
    total = p.sum(-1, keepdim=True)
    return (p @ v / total.masked_fill(total == 0, 1)).transpose(0, 1)


def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, window=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    scale = q.shape[2] ** -0.5 if scale is None else scale

    def number(offsets, n):
        mark = torch.zeros(n + 1, dtype=torch.int64)
        mark[offsets[1:-1]] = 1
        return mark.cumsum(0)[:n]

    of_q, of_k = number(cu_q, len(q)), number(cu_k, len(k))
    a = torch.searchsorted(of_q, torch.arange(len(cu_q))).tolist()
    b = torch.searchsorted(of_k, torch.arange(len(cu_q))).tolist()
    a[-1], b[-1] = len(q), len(k)
    out = []
    for i in range(len(a) - 1):
        rows, cols = slice(a[i], a[i + 1]), slice(b[i], b[i + 1])
        out.append(one(q[rows].to(wide), k[cols].to(wide), v[cols].to(wide), causal, window, scale))
    return torch.cat(out).to(q.dtype)
