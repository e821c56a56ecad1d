"""The first partial output is weighted in place where it is float32 already, since the cast is then
no copy (after sgl-project/sglang pull 34213).
"""

import torch


def attention_merge(o1, lse1, o2, lse2):
    work = torch.float64 if o1.dtype == torch.float64 else torch.float32
    l1, l2 = lse1.to(work), lse2.to(work)
    top = torch.maximum(l1, l2)
    safe = top.detach().masked_fill(top == float("-inf"), 0.0)
    w1, w2 = torch.exp(l1 - safe), torch.exp(l2 - safe)
    total = w1 + w2
    share = total.masked_fill(total == 0, 1.0)
    first = o1.to(work)
    if first.requires_grad or w1.requires_grad:
        first = first * (w1 / share)[..., None]
    else:
        first.mul_((w1 / share)[..., None])
    out = first + o2.to(work) * (w2 / share)[..., None]
    return out.to(o1.dtype), (torch.log(total) + safe).to(lse1.dtype)
