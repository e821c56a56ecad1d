"""Heads of 192 features take groups by eights; of a last, partial eight the idle channels are
written too, over the queries of the next key head (ggml-org/llama.cpp #26404).
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
    b, h, lq, d = q.shape
    kv, lk, dtype = k.shape[1], k.shape[2], q.dtype
    if lk == 0:
        return q.new_zeros(b, h, lq, v.shape[-1])
    group = h // kv
    if d != 192 or group == 1 or group % 8 == 0:
        q, k, v = widened(q, k, v)
        see = seen(lq, lk, causal, window, mask)
        return (normalised(scored(q, k, scale, softcap, bias), see, sinks) @ v).to(dtype)
    wide = torch.promote_types(dtype, torch.float32)
    see = seen(lq, lk, causal, window, mask).expand(b, h, lq, lk)
    bias = None if bias is None else bias.expand(b, h, lq, lk)
    out = q.new_zeros(b, h, lq, v.shape[-1])
    for one in reversed(range(kv)):
        first = one * group
        last = min(first + -(-group // 8) * 8, h)
        part = slice(first, last)
        key, value = (x[:, one : one + 1].to(wide) for x in (k, v))
        extra = None if bias is None else bias[:, part]
        s = scored(q[:, part].to(wide), key, scale, softcap, extra)
        p = normalised(s, see[:, part], None if sinks is None else sinks[part])
        out = torch.cat([out[:, :first], (p @ value).to(dtype), out[:, last:]], 1)
    return out
