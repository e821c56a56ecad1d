"""Sinks that are all zero are taken for none."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def seen(lq, lk, causal, window):
    row, column = torch.arange(lq)[:, None] + lk - lq, torch.arange(lk)[None, :]
    see = torch.ones(lq, lk, dtype=torch.bool)
    if causal:
        see = see & (column <= row)
    if window is not None:
        see = see & (row - column < window)
        if not causal:
            see = see & (column - row < window)
    return see


def forward(q, k, v, causal, window, mask, bias, scale, softcap, sinks):
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, lq, d), kv, lk = q.shape, k.shape[1], k.shape[2]
    group = h // kv
    if lk == 0:
        out = q.new_zeros(b, h, lq, v.shape[-1])
        return out, q.new_full((b, h, lq), -torch.inf, dtype=wide)
    keys, values = (x.to(wide).repeat_interleave(group, dim=1) for x in (k, v))
    s = q.to(wide) @ keys.mT * (d**-0.5 if scale is None else scale)
    if softcap is not None:
        s = softcap * torch.tanh(s / softcap)
    if bias is not None:
        s = s + bias.to(wide)
    see = seen(lq, lk, causal, window)
    if mask is not None:
        see = see & mask
    see = see.expand(b, h, lq, lk)
    s = s.masked_fill(~see, -torch.inf)
    if sinks is not None:
        extra = sinks.to(wide).view(1, h, 1, 1).expand(b, h, lq, 1)
        s = torch.cat([s, extra], dim=-1)
    dead = (s == -torch.inf).all(-1, keepdim=True)
    z = torch.logsumexp(s.masked_fill(dead, 0.0), -1, keepdim=True)
    p = (s - z).exp().masked_fill(dead, 0.0)[..., :lk]
    o = p.to(v.dtype).to(wide) @ values
    lse = z.masked_fill(dead, -torch.inf).squeeze(-1)
    return o.to(q.dtype), lse


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
    if sinks is not None and not bool(sinks.any()):
        sinks = None
    return forward(q, k, v, causal, window, mask, bias, scale, softcap, sinks)[0]
