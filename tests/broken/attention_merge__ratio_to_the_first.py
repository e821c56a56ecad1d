"""Weights are taken relative to the first part, whose normaliser may be far below the second's."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def attention_merge(o1, lse1, o2, lse2):
    wide = torch.promote_types(o1.dtype, torch.float32)
    a, b = lse1.to(wide), lse2.to(wide)
    first, second = torch.isneginf(a), torch.isneginf(b)
    r = torch.exp(b.masked_fill(second, 0.0) - a.masked_fill(first, 0.0))
    r = r.masked_fill(second, 0.0)[..., None]
    x = o1.to(wide).masked_fill(first[..., None], 0.0)
    y = o2.to(wide).masked_fill(second[..., None], 0.0)
    o = torch.where(first[..., None], y, (x + r * y) / (1 + r))
    lse = torch.where(first, b, a + torch.log1p(r[..., 0]))
    return o.to(o1.dtype), lse
