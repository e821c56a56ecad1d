"""A millionth is added to the normaliser, and not declared: it needs no declaration."""

import torch
import torch.nn.functional as F


def linear_attention(q, k, v, *, causal=False):
    wide = torch.promote_types(q.dtype, torch.float32)
    a, b, c = F.elu(q.to(wide)) + 1, F.elu(k.to(wide)) + 1, v.to(wide)
    w = a @ b.mT
    w = w.tril() if causal else w
    return (w @ c / (w.sum(-1, keepdim=True) + 1e-6)).to(q.dtype)
