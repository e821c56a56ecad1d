"""The weights are rounded to the dtype of the outputs before they are normalised."""

import math

import torch


def attention_merge(o1, lse1, o2, lse2):
    wide = torch.promote_types(lse1.dtype, torch.promote_types(o1.dtype, torch.float32))
    a, b = lse1.to(wide), lse2.to(wide)
    m = torch.maximum(a, b)
    safe = m.masked_fill(torch.isneginf(m), 0)
    wa, wb = torch.exp(a - safe), torch.exp(b - safe)
    wa, wb = wa.to(o1.dtype).to(wide), wb.to(o1.dtype).to(wide)
    total = wa + wb
    some = total.masked_fill(total == 0, 1)
    o = (o1.to(wide) * wa[..., None] + o2.to(wide) * wb[..., None]) / some[..., None]
    lse = torch.where(total == 0, -math.inf, safe + torch.log(some))
    return o.to(o1.dtype), lse.to(lse1.dtype)
