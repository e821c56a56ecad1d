"""Query heads of a group are packed as rows, and a bias with rows of its own is read at the
packed row modulo the length.
"""

import torch


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
    (b, h, lq, d), (_, kv, lk, _), dv = q.shape, k.shape, v.shape[-1]
    scale = d**-0.5 if scale is None else scale
    if lk == 0:
        return q.new_zeros(b, h, lq, dv)
    if bias is not None and bias.dim() == 4 and bias.shape[2] == lq > 1 and h > kv:
        g = h // kv
        at = (torch.arange(lq) * g + (torch.arange(h) % g)[:, None]) % lq
        full = bias.expand(b, h, lq, bias.shape[3])
        bias = full.gather(2, at[None, :, :, None].expand_as(full))
    keys, values = (x.to(wide).repeat_interleave(h // kv, 1) for x in (k, v))
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
        see = see & (row - column < window)
        if not causal:
            see = see & (column - row < window)
    if mask is not None:
        see = see & mask

    see = see.expand(b, h, lq, lk)
    dead = ~see.any(-1, keepdim=True)
    s = s.masked_fill(~see, -torch.inf).masked_fill(dead, 0.0)
    extra = [] if sinks is None else [sinks.to(wide)[:, None, None].expand(b, h, lq, 1)]
    p = torch.softmax(torch.cat([s, *extra], -1), -1)[..., :lk].masked_fill(dead, 0.0)

    o = p @ values

    return o.to(q.dtype)
