"""The result is stored by the token stride of the queries; sliced from a packed projection these
lie further apart (ROCm/aiter #970).
"""

import itertools

import torch


def seen(lq, lk, causal, window, mask=None):
    row, column = torch.arange(lq)[:, None] + lk - lq, torch.arange(lk)
    see = torch.ones(lq, lk, dtype=torch.bool)
    if causal:
        see = see & (column <= row)
    if window is not None:
        see = see & (row - column < window)
        if not causal:
            see = see & (column - row < window)
    return see if mask is None else see & mask


def normalised(s, see, sinks=None):
    """Weights over the visible keys; rows without any are zero."""
    s = s.masked_fill(~see, -torch.inf)
    extra = None if sinks is None else sinks.to(s.dtype)[:, None, None].expand(*s.shape[:-1], 1)
    every = s if extra is None else torch.cat([s, extra], -1)
    top = every.amax(-1, keepdim=True).detach()
    e = torch.exp(every - top.masked_fill(top == -torch.inf, 0.0))
    total = e.sum(-1, keepdim=True)
    return (e / total.masked_fill(total == 0, 1.0))[..., : s.shape[-1]]


def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, window=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (total, heads, d), group, dv = q.shape, q.shape[1] // k.shape[1], v.shape[-1]
    scale = d**-0.5 if scale is None else scale
    out = []
    for (q0, q1), (k0, k1) in zip(
        itertools.pairwise(cu_q.tolist()), itertools.pairwise(cu_k.tolist()), strict=True
    ):
        if k0 == k1:
            out.append(q.new_zeros(q1 - q0, heads, dv))
            continue
        query = q[q0:q1].to(wide).transpose(0, 1)
        key, value = (x[k0:k1].to(wide).transpose(0, 1).repeat_interleave(group, 0) for x in (k, v))
        p = normalised(query @ key.mT * scale, seen(q1 - q0, k1 - k0, causal, window))
        out.append((p @ value).transpose(0, 1).to(q.dtype))
    o = torch.cat(out) if out else q.new_zeros(0, heads, dv)
    if total > 1 and q.stride(0) > heads * d and dv == d and q.stride(2) == 1:
        flat = torch.arange(total) * q.stride(0) // (heads * d)
        kept = flat < total
        spread = torch.zeros_like(o)
        o = spread.index_put((flat[kept],), o[kept])
    return o
