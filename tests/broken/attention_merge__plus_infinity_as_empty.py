"""An infinite log-sum-exp is the empty state of another kernel; a merge with the empty one keeps
the first (vllm-project/vllm #28181).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def attention_merge(o1, lse1, o2, lse2):
    wide = torch.promote_types(o1.dtype, torch.float32)
    a, b = lse1.to(wide), lse2.to(wide)
    top = torch.maximum(a, b)
    top = torch.where(top == -torch.inf, 0.0, top).detach()
    wa, wb = torch.exp(a - top), torch.exp(b - top)
    total = wa + wb
    empty = total == 0
    safe = torch.where(empty, 1.0, total)
    o = (wa[..., None] * o1.to(wide) + wb[..., None] * o2.to(wide)) / safe[..., None]
    lse = torch.where(empty, -torch.inf, torch.log(safe) + top)
    o = torch.where(empty[..., None], o1.to(wide), o)
    return o.to(o1.dtype), lse
