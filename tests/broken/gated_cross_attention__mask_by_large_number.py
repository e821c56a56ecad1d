"""Masked visual tokens get -1e4 added in the input's dtype."""

import math

import torch


def gated_cross_attention(x, visual, Wq, Wk, Wv, Wo, gate, *, heads=1, mask=None):
    wide = torch.promote_types(x.dtype, torch.float32)
    y, z = x.to(wide), visual.to(wide)
    q = (y @ Wq.to(wide)).unflatten(-1, (heads, -1)).transpose(1, 2)
    k, v = ((z @ w.to(wide)).unflatten(-1, (heads, -1)).transpose(1, 2) for w in (Wk, Wv))
    s = q @ k.mT / math.sqrt(q.shape[-1])
    if mask is not None:
        s = s - 1e4 * (~mask)[:, None].to(wide)
    p = torch.softmax(s, -1)
    if mask is not None:
        p = p * mask.any(-1)[:, None, :, None]
    return (y + torch.tanh(gate.to(wide)) * ((p @ v).transpose(1, 2).flatten(2) @ Wo.to(wide))).to(
        x.dtype
    )
