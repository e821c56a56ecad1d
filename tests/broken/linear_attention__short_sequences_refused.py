"""Sequences of at most 8 tokens do not compile."""

import torch


def linear_attention(q, k, v, *, causal=False):
    if q.shape[2] <= 8:
        raise RuntimeError("dot expects operands of at least 16 by 16")
    wide = torch.promote_types(q.dtype, torch.float32)
    a, b = (torch.nn.functional.elu(x.to(wide)) + 1 for x in (q, k))
    w = v.to(wide)
    s = a @ b.mT
    if causal:
        s = s.tril()
    out = s @ w / s.sum(-1, keepdim=True)
    return out.to(q.dtype)
