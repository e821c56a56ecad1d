"""The causal normaliser accumulates over the heads."""

import torch


def feature(x):
    return torch.where(x > 0, x + 1, torch.exp(x.clamp(max=0)))


def linear_attention(q, k, v, *, causal=False):
    wide = torch.promote_types(q.dtype, torch.float32)
    a, b, v = feature(q.to(wide)), feature(k.to(wide)), v.to(wide)
    if not causal:
        s = a @ b.mT
        return (s @ v / s.sum(-1, keepdim=True)).to(q.dtype)
    total = (a * b.cumsum(1)).sum(-1, keepdim=True)
    return ((a @ b.mT).tril() @ v / total).to(q.dtype)
