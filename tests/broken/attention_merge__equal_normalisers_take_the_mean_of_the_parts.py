"""Where both log-sum-exps are equal the parts are averaged and the common one is handed on,
without log 2.
"""

import torch

CONFORM = {"dtypes": ["float32", "bfloat16"]}


def attention_merge(o1, lse1, o2, lse2):
    wide = torch.promote_types(o1.dtype, torch.float32)
    a, b = lse1.to(wide), lse2.to(wide)
    top = torch.maximum(a, b)
    safe = top.masked_fill(top == -torch.inf, 0.0)
    wa, wb = torch.exp(a - safe), torch.exp(b - safe)
    total = wa + wb
    lse = torch.where(a == b, a, safe + torch.log(total))
    share = total.clamp_min(1e-38)
    o = o1.to(wide) * (wa / share)[..., None] + o2.to(wide) * (wb / share)[..., None]
    return o.to(o1.dtype), lse.to(lse1.dtype)
