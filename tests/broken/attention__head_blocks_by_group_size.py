"""With several key heads and groups of more than 16, blocks of 16 query heads are dealt out by the
size of the group and not by the blocks in it (flagos-ai/FlagGems #3759)."""

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
    g = h // kv
    if kv > 1 and g > 16 and g % 16 == 0:
        blocks = g // 16
        which = torch.arange(kv * blocks) // g
        k, v = (x[:, which].repeat_interleave(16, 1)[:, :h] for x in (k, v))
        kv = h
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
