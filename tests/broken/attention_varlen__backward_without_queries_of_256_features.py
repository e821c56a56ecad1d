"""Heads of 256 features: keys of a sequence without queries get NaN, their tile is never written
(Dao-AILab/flash-attention #2562).
"""

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


class Change(torch.autograd.Function):
    """Hands x on; its gradient is changed by a function."""

    @staticmethod
    def forward(ctx, x, change):
        ctx.change = change
        return x.view_as(x)

    @staticmethod
    def backward(ctx, g):
        return ctx.change(g), None


def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, window=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    group, out = q.shape[1] // k.shape[1], []
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    unread = torch.zeros(k.shape[0], dtype=torch.bool)
    for n in range(len(cu_q) - 1):
        if cu_q[n] == cu_q[n + 1]:
            unread[int(cu_k[n]) : int(cu_k[n + 1])] = True
    if q.shape[-1] == 256:
        k = Change.apply(k, lambda g: g.masked_fill(unread[:, None, None], torch.nan))
    for n in range(len(cu_q) - 1):
        rows, keys = (slice(int(c[n]), int(c[n + 1])) for c in (cu_q, cu_k))
        lq, lk = rows.stop - rows.start, keys.stop - keys.start
        if lk == 0:
            out.append(q.new_zeros(lq, q.shape[1], v.shape[-1]))
            continue
        query = q[rows].to(wide).transpose(0, 1)
        key, value = (x[keys].to(wide).transpose(0, 1).repeat_interleave(group, 0) for x in (k, v))
        p = normalised(query @ key.mT * scale, seen(lq, lk, causal, window))
        out.append((p @ value).transpose(0, 1).to(q.dtype))
    return torch.cat(out) if out else q.new_zeros(0, q.shape[1], v.shape[-1])
