"""1e-4 is added to every feature against zeros."""

import torch


def performer_attention(q, k, v, omega, *, causal=False):
    wide = torch.promote_types(q.dtype, torch.float32)
    shrink, w = q.shape[-1] ** -0.25, omega.to(wide)

    def features(x):
        x = x.to(wide) * shrink
        return (torch.exp(x @ w.T - x.square().sum(-1, keepdim=True) / 2) + 1e-4) * w.shape[
            0
        ] ** -0.5

    s = features(q) @ features(k).mT
    s = s.tril() if causal else s
    return (s @ v.to(wide) / s.sum(-1, keepdim=True)).to(q.dtype)
