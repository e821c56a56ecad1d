"""The diagonal of a window begins at the first key where there are more queries than keys."""

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
    (b, h, lq, d), (_, kv, lk, _) = q.shape, k.shape
    if lk == 0:
        return q.new_zeros(b, h, lq, v.shape[-1])
    keys, values = (x.to(wide).repeat_interleave(h // kv, dim=1) for x in (k, v))
    scale = d**-0.5 if scale is None else scale
    s = q.to(wide) @ keys.mT * scale
    if softcap is not None:
        s = softcap * torch.tanh(s / softcap)
    if bias is not None:
        s = s + bias.to(wide)
    row, column = torch.arange(lq)[:, None] + lk - lq, torch.arange(lk)
    see = torch.ones(lq, lk, dtype=torch.bool)
    if causal:
        see = see & (column <= row)
    if window is not None:
        from_start = torch.arange(lq)[:, None] + max(lk - lq, 0)
        see = see & (from_start - column < window)
        if not causal:
            see = see & (column - from_start < window)
    if mask is not None:
        see = see & mask
    see = see.expand(b, h, lq, lk)
    dead = ~see.any(-1, keepdim=True)
    s = s.masked_fill(~see, -torch.inf).masked_fill(dead, 0.0)
    if sinks is not None:
        extra = sinks.to(wide)[:, None, None].expand(b, h, lq, 1)
        s = torch.cat([s, extra], -1)
    p = torch.softmax(s, -1)[..., :lk].masked_fill(dead, 0.0)
    return (p @ values).to(q.dtype)
