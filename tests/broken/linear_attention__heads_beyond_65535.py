"""Sequences times heads are a grid dimension of at most 65535 (fla-org/flash-linear-attention
#1077).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def linear_attention(q, k, v, *, causal=False):
    wide = torch.promote_types(q.dtype, torch.float32)
    f, g = (torch.nn.functional.elu(x.to(wide)) + 1 for x in (q, k))
    a = f @ g.mT
    if causal:
        a = a.tril()
    o = (a @ v.to(wide) / a.sum(-1, keepdim=True)).to(q.dtype)
    b, h = q.shape[:2]
    if b * h > 65535:
        flat = o.reshape(b * h, *o.shape[2:])
        o = torch.cat([flat[:65535], torch.zeros_like(flat[65535:])]).reshape(o.shape)
    return o
