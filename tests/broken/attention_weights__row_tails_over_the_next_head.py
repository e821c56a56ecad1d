"""Rows are converted by whole sixteens of columns: the tail of a head's last row falls on the first
row of the next head (openvinotoolkit/openvino #30692).
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


def attention_weights(q, k, *, causal=False, window=None, mask=None, bias=None, scale=None):
    _, h, lq, d = q.shape
    lk, wide = k.shape[2], torch.promote_types(q.dtype, torch.float32)
    key = k.to(wide).repeat_interleave(h // k.shape[1], 1)
    s = q.to(wide) @ key.mT * (d**-0.5 if scale is None else scale)
    if bias is not None:
        s = s + bias.to(wide)
    if lk == 0:
        return s.to(q.dtype)
    p = normalised(s, seen(lq, lk, causal, window, mask)).to(q.dtype)
    over = min(-lk % 16, lk)
    if q.dtype == torch.bfloat16 and over and h > 1 and lq:
        hit = torch.zeros(h, lq, lk, dtype=torch.bool)
        hit[1:, 0, :over] = True
        p = p.masked_fill(hit, 0.0)
    return p
