"""Merging two empty partial results gives NaN."""

import torch

MISTAKE = "attention_merge.divides-empty"


def attention_merge(o1, lse1, o2, lse2):
    wide = torch.promote_types(o1.dtype, torch.float32)
    a, b = lse1.to(wide), lse2.to(wide)
    safe = torch.maximum(a, b).detach()
    wa, wb = torch.exp(a - safe), torch.exp(b - safe)
    total = wa + wb
    o = (wa[..., None] * o1 + wb[..., None] * o2) / total[..., None]
    return o.to(o1.dtype), (safe + total.log())
