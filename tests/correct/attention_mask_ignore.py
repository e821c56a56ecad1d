"""Mask polarity of torch.nn.MultiheadAttention: True = ignore (declared)."""

import math

import torch

CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {"attention": {"conventions": {"mask": "ignore"}}},
}


def attention(q, k, v, *, mask=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    group = q.shape[1] // k.shape[1]
    s = q.to(wide) @ k.to(wide).repeat_interleave(group, dim=1).mT
    s = s * (q.shape[-1] ** -0.5 if scale is None else scale)
    if mask is not None:
        s = s.masked_fill(mask, -math.inf)
    dead = (s == -math.inf).all(-1, keepdim=True)
    p = torch.softmax(s.masked_fill(dead, 0), dim=-1).masked_fill(dead, 0)
    return (p @ v.to(wide).repeat_interleave(group, dim=1)).to(q.dtype)
