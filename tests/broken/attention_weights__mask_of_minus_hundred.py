"""Weights of hidden keys are a small number, not zero, for the mask is -100 (microsoft/Swin-
Transformer style masks).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def attention_weights(q, k, *, causal=False, window=None, mask=None, bias=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, lq, d), (_, kv, lk, _) = q.shape, k.shape
    group = h // kv
    if lk == 0:
        return q.new_zeros(b, h, lq, 0)
    keys = k.to(wide).repeat_interleave(group, dim=1)
    s = q.to(wide) @ keys.mT * (d**-0.5 if scale is None else scale)
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
    s = s - 100.0 * ~see
    p = torch.softmax(s, -1).masked_fill(dead, 0.0)
    return p.to(q.dtype)
