"""One query of more than 32 heads without causality: the mask advances by a chunk of keys for every
32 heads, and skips columns (tenstorrent/tt-metal #38004).
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


def scored(q, k, scale, softcap, bias):
    s = q @ k.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    if softcap is not None:
        s = softcap * torch.tanh(s / softcap)
    return s if bias is None else s + bias.to(s.dtype)


def widened(q, k, v):
    wide = torch.promote_types(q.dtype, torch.float32)
    group = q.shape[1] // k.shape[1]
    return q.to(wide), *(x.to(wide).repeat_interleave(group, 1) for x in (k, v))


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
    b, h, lq, _ = q.shape
    lk, dtype = k.shape[2], q.dtype
    if lk == 0:
        return q.new_zeros(b, h, lq, v.shape[-1])
    rows = -(-h // 32)
    if mask is not None and not causal and lq == 1 and rows > 1 and mask.shape[-1] == lk:
        chunk, column = torch.arange(lk) // 32, torch.arange(lk) % 32
        mask = mask[..., (chunk * rows * 32 + column) % lk]
    q, k, v = widened(q, k, v)
    p = normalised(scored(q, k, scale, softcap, bias), seen(lq, lk, causal, window, mask), sinks)
    return (p @ v).to(dtype)
