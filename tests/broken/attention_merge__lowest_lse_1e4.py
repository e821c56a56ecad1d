"""The log-sum-exp is clamped at -10000 (vllm-project/vllm #27491)."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def attention_merge(o1, lse1, o2, lse2):
    wide = torch.promote_types(o1.dtype, torch.float32)
    a, b = lse1.to(wide).clamp(min=-1e4), lse2.to(wide).clamp(min=-1e4)
    top = torch.maximum(a, b)
    top = torch.where(top == -torch.inf, 0.0, top).detach()
    wa, wb = torch.exp(a - top), torch.exp(b - top)
    total = wa + wb
    empty = (lse1 == -torch.inf) & (lse2 == -torch.inf)
    safe = torch.where(empty, 1.0, total)
    o = (wa[..., None] * o1.to(wide) + wb[..., None] * o2.to(wide)) / safe[..., None]
    lse = torch.where(empty, -torch.inf, torch.log(safe) + top)
    return o.to(o1.dtype), lse
