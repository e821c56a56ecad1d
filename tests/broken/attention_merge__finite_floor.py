"""The maximum is kept above -1e30 and 1e-10 is added to the sum: two empty parts get a finite
number.
"""

import math

import torch


def attention_merge(o1, lse1, o2, lse2):
    wide = torch.promote_types(lse1.dtype, torch.promote_types(o1.dtype, torch.float32))
    a, b = lse1.to(wide), lse2.to(wide)
    m = torch.maximum(a, b)
    safe = m.clamp(min=-1e30)
    wa, wb = torch.exp(a - safe), torch.exp(b - safe)
    total = wa + wb + 1e-10
    some = total.masked_fill(total == 0, 1)
    o = (o1.to(wide) * wa[..., None] + o2.to(wide) * wb[..., None]) / some[..., None]
    lse = torch.where(total == 0, -math.inf, safe + torch.log(some))
    return o.to(o1.dtype), lse.to(lse1.dtype)
