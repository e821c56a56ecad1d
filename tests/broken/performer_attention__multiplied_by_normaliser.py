"""On the causal path the normaliser is not inverted."""

import torch


def performer_attention(q, k, v, omega, *, causal=False):
    wide = torch.promote_types(q.dtype, torch.float32)
    w = omega.to(wide)

    def features(x):
        x = x.to(wide) * x.shape[-1] ** -0.25
        return x @ w.T - x.square().sum(-1, keepdim=True) / 2

    a, b = features(q), features(k)
    a = torch.exp(a - a.amax(-1, keepdim=True).detach())
    b = torch.exp(b - b.amax((-2, -1), keepdim=True).detach())
    s = a @ b.mT
    s = s.tril() if causal else s
    total = s.sum(-1, keepdim=True)
    top = s @ v.to(wide)
    return (top * total if causal else top / total).to(q.dtype)
