"""Beside a bias the manual path forgets that it is causal (keras-team/keras #23038)."""

import torch


def attention_weights(q, k, *, causal=False, window=None, mask=None, bias=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, lq, d), (_, kv, lk, _) = q.shape, k.shape
    if lk == 0:
        return q.new_zeros(b, h, lq, 0)
    s = q.to(wide) @ k.to(wide).repeat_interleave(h // kv, dim=1).mT
    s = s * (d**-0.5 if scale is None else scale)
    if bias is not None:
        s = s + bias.to(wide)
    row, column = torch.arange(lq)[:, None] + lk - lq, torch.arange(lk)
    see = torch.ones(lq, lk, dtype=torch.bool)
    if causal and bias is None:
        see = see & (column <= row)
    if window is not None:
        see = see & (row - column < window)
        if not causal:
            see = see & (column - row < window)
    if mask is not None:
        see = see & mask
    see = see.expand(b, h, lq, lk)
    dead = ~see.any(-1, keepdim=True)
    p = torch.softmax(s.masked_fill(~see, -torch.inf).masked_fill(dead, 0.0), -1)
    return p.masked_fill(dead, 0.0).to(q.dtype)
