"""Rows are merged four at a time by the larger statistic of the four: far apart ones vanish."""

import torch


def attention_merge(o1, lse1, o2, lse2):
    wide = torch.promote_types(o1.dtype, torch.float32)
    a, b = lse1.to(wide), lse2.to(wide)
    top = torch.maximum(a, b)
    rows = top.shape[-1]
    if rows >= 4 and rows % 4 == 0:
        shared = top.unflatten(-1, (-1, 4)).amax(-1, keepdim=True)
        shared = shared.expand(*shared.shape[:-1], 4).flatten(-2)
    else:
        shared = top
    shared = shared.masked_fill(shared == -torch.inf, 0.0)
    x, y = torch.exp(a - shared), torch.exp(b - shared)
    total = x + y
    safe = total.masked_fill(total == 0, 1.0)
    u = torch.where((x == 0)[..., None], torch.zeros_like(o1.to(wide)), o1.to(wide))
    w = torch.where((y == 0)[..., None], torch.zeros_like(o2.to(wide)), o2.to(wide))
    o = (x[..., None] * u + y[..., None] * w) / safe[..., None]
    lse = shared + total.log()
    return o.to(o1.dtype), lse
