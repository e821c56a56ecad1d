"""The merged log-sum-exp is the larger of the two."""

import math

import torch

MISTAKE = "attention_merge.larger-lse"


def attention_merge(o1, lse1, o2, lse2):
    wide = torch.promote_types(o1.dtype, torch.float32)
    a, b = lse1.to(wide), lse2.to(wide)
    safe = torch.maximum(a, b).detach().clamp(min=torch.finfo(wide).min)
    wa, wb = torch.exp(a - safe), torch.exp(b - safe)
    empty = wa + wb == 0
    total = (wa + wb).masked_fill(empty, 1)
    o = (wa[..., None] * o1 + wb[..., None] * o2) / total[..., None]
    return o.to(o1.dtype), safe.masked_fill(empty, -math.inf)
