"""Rows of more than 1024 keys are normalised in two parts."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def attention_weights(q, k, *, causal=False, window=None, mask=None, bias=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, lq, d), (_, kv, lk, _) = q.shape, k.shape
    scale = d**-0.5 if scale is None else scale

    s = q.to(wide) @ k.to(wide).repeat_interleave(h // kv, 1).mT * scale
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

    p = torch.softmax(s, -1).masked_fill(dead, 0.0)
    if lk > 1024:
        p = torch.cat([x / x.sum(-1, keepdim=True).clamp(min=1e-30) for x in p.split(1024, -1)], -1)
    return p.to(q.dtype)
