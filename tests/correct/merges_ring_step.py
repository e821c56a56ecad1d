"""Partial attentions merged as ring attention does: a step o1 - sigmoid(lse2 - lse1) (o1 - o2)."""

import torch
from torch.nn.functional import logsigmoid


def attention_merge(o1, lse1, o2, lse2):
    wide = torch.promote_types(o1.dtype, torch.float32)
    a, b = lse1.to(wide).unsqueeze(-1), lse2.to(wide).unsqueeze(-1)
    first, second = a == -torch.inf, b == -torch.inf
    x, y = o1.to(wide).masked_fill(first, 0.0), o2.to(wide).masked_fill(second, 0.0)
    step = torch.where(first, torch.inf, b - a)
    o = x - torch.sigmoid(step) * (x - y)
    lse = torch.where(first, b, a - logsigmoid(-step))
    return o.to(o1.dtype), lse.squeeze(-1)


CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}
