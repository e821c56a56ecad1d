"""The common maximum starts at -50000: two states below it merge to nothing (flashinfer-
ai/flashinfer #5262).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def attention_merge(o1, lse1, o2, lse2):
    wide = torch.promote_types(o1.dtype, torch.float32)
    a, b = lse1.to(wide), lse2.to(wide)
    top = torch.maximum(a, b)
    top = top.clamp(min=-5e4).detach()
    wa, wb = torch.exp(a - top), torch.exp(b - top)
    total = wa + wb
    empty = total == 0
    safe = torch.where(empty, 1.0, total)
    o = (wa[..., None] * o1.to(wide) + wb[..., None] * o2.to(wide)) / safe[..., None]
    lse = torch.where(empty, -torch.inf, torch.log(safe) + top)
    return o.to(o1.dtype), lse
