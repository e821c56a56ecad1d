"""Denominators are kept from being small by a floor of one."""

import torch


def linear_attention(q, k, v, *, causal=False):
    wide = torch.promote_types(q.dtype, torch.float32)
    f, g = (torch.nn.functional.elu(x.to(wide)) + 1 for x in (q, k))
    weights = f @ g.mT
    if causal:
        weights = weights.tril()
    return (weights @ v.to(wide) / weights.sum(-1, keepdim=True).clamp(min=1.0)).to(q.dtype)
