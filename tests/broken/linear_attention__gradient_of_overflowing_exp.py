"""The gradient of large features is NaN: the exponential of the branch that is not taken
overflows.
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def linear_attention(q, k, v, *, causal=False):
    wide = torch.promote_types(q.dtype, torch.float32)
    a, b = (torch.where(t > 0, t + 1, torch.exp(t)) for t in (q.to(wide), k.to(wide)))
    s = a @ b.mT
    if causal:
        s = s.tril()
    return (s @ v.to(wide) / s.sum(-1, keepdim=True)).to(q.dtype)
