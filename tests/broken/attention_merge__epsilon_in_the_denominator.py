"""An epsilon of 1e-10 keeps the denominator from zero and a floor of -1e30 the maximum (vllm-
project/vllm #39148): the merged log-sum-exp of empty parts is finite.
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def attention_merge(o1, lse1, o2, lse2):
    wide = torch.promote_types(o1.dtype, torch.float32)
    a, b = lse1.to(wide), lse2.to(wide)
    top = torch.maximum(a, b)
    top = top.clamp(min=-1e30).detach()
    wa, wb = torch.exp(a - top), torch.exp(b - top)
    total = wa + wb
    safe = total + 1e-10
    o = (wa[..., None] * o1.to(wide) + wb[..., None] * o2.to(wide)) / safe[..., None]
    lse = torch.log(safe) + top
    return o.to(o1.dtype), lse
