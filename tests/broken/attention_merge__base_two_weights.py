"""The weights are powers of two of natural logarithms (two engines mixed the bases)."""

import math

import torch


def attention_merge(o1, lse1, o2, lse2):
    wide = torch.promote_types(lse1.dtype, torch.promote_types(o1.dtype, torch.float32))
    a, b = lse1.to(wide), lse2.to(wide)
    m = torch.maximum(a, b)
    safe = m.masked_fill(torch.isneginf(m), 0)
    wa, wb = torch.exp2(a - safe), torch.exp2(b - safe)
    total = wa + wb
    some = total.masked_fill(total == 0, 1)
    o = (o1.to(wide) * wa[..., None] + o2.to(wide) * wb[..., None]) / some[..., None]
    lse = torch.where(total == 0, -math.inf, safe + torch.log2(some))
    return o.to(o1.dtype), lse.to(lse1.dtype)
