"""The causal form works in chunks of 64 and normalises by the keys of the own chunk."""

import torch


def performer_attention(q, k, v, omega, *, causal=False):
    wide = torch.promote_types(q.dtype, torch.float32)
    shrink, w = q.shape[-1] ** -0.25, omega.to(wide)

    def features(x):
        x = x.to(wide) * shrink
        return torch.exp(x @ w.T - x.square().sum(-1, keepdim=True) / 2)

    s = features(q) @ features(k).mT
    total = s
    if causal:
        s = s.tril()
        at = torch.arange(s.shape[-1]) // 64
        total = s * (at[:, None] == at)
    return (s @ v.to(wide) / total.sum(-1, keepdim=True)).to(q.dtype)
