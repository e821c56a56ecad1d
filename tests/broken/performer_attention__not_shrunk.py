"""Queries and keys are not divided by the fourth root of their width."""

import torch


def performer_attention(q, k, v, omega, *, causal=False):
    wide = torch.promote_types(q.dtype, torch.float32)
    w = omega.to(wide)

    def features(x):
        x = x.to(wide)
        return torch.exp(x @ w.T - x.square().sum(-1, keepdim=True) / 2)

    s = features(q) @ features(k).mT
    s = s.tril() if causal else s
    return (s @ v.to(wide) / s.sum(-1, keepdim=True)).to(q.dtype)
