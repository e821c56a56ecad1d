"""Scores are kept in base two for exp2; under a soft cap the sink is seeded without that factor
(ROCm/rocm-libraries #12229).
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


def widened(q, k, v):
    wide = torch.promote_types(q.dtype, torch.float32)
    group = q.shape[1] // k.shape[1]
    return q.to(wide), *(x.to(wide).repeat_interleave(group, 1) for x in (k, v))


LOG2E = 1.4426950408889634


def attention(
    q,
    k,
    v,
    *,
    causal=False,
    window=None,
    mask=None,
    bias=None,
    scale=None,
    softcap=None,
    sinks=None,
):
    lq, lk, dtype = q.shape[2], k.shape[2], q.dtype
    if lk == 0:
        return q.new_zeros(*q.shape[:3], v.shape[-1])
    q, k, v = widened(q, k, v)
    s = q @ k.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    if softcap is not None:
        s = softcap * torch.tanh(s / softcap)
    if bias is not None:
        s = s + bias.to(s.dtype)
    s = (s * LOG2E).masked_fill(~seen(lq, lk, causal, window, mask), -torch.inf)
    top = s.amax(-1, keepdim=True)
    if sinks is not None:
        factor = LOG2E if softcap is None else 1.0
        sink = sinks.to(s.dtype)[:, None, None] * factor
        top = torch.maximum(top, sink)
    top = top.detach().masked_fill(top == -torch.inf, 0.0)
    e = torch.exp2(s - top)
    total = e.sum(-1, keepdim=True)
    if sinks is not None:
        total = total + torch.exp2(sink - top)
    return (e @ v / total.masked_fill(total == 0, 1.0)).to(dtype)
