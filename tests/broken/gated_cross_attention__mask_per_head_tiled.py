"""Heads are folded into the batch; the mask is repeated per sequence in the wrong order."""

import math

import torch


def gated_cross_attention(x, visual, Wq, Wk, Wv, Wo, gate, *, heads=1, mask=None):
    wide = torch.promote_types(x.dtype, torch.float32)
    y, z = x.to(wide), visual.to(wide)
    q = (y @ Wq.to(wide)).unflatten(-1, (heads, -1)).transpose(1, 2).flatten(0, 1)
    k, v = (
        (z @ w.to(wide)).unflatten(-1, (heads, -1)).transpose(1, 2).flatten(0, 1) for w in (Wk, Wv)
    )
    s = q @ k.mT / math.sqrt(q.shape[-1])
    if mask is not None:
        m = mask.repeat(heads, 1, 1)
        s = s.masked_fill(~m, -math.inf)
        p = torch.softmax(s, -1).masked_fill(~m.any(-1, keepdim=True), 0.0)
    else:
        p = torch.softmax(s, -1)
    o = (p @ v).unflatten(0, (x.shape[0], heads)).transpose(1, 2).flatten(2)
    return (y + torch.tanh(gate.to(wide)) * (o @ Wo.to(wide))).to(x.dtype)
