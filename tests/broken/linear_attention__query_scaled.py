"""The query is scaled by 1/sqrt(D) before the feature map."""

import torch

MISTAKE = "linear_attention.softmax-scale"


def feature(x):
    return torch.where(x > 0, x + 1, torch.exp(x.clamp(max=0)))


def linear_attention(q, k, v, *, causal=False):
    wide = torch.promote_types(q.dtype, torch.float32)
    fq, fk, v = feature(q.to(wide) * q.shape[-1] ** -0.5), feature(k.to(wide)), v.to(wide)
    a = fq @ fk.mT
    a = a.tril() if causal else a
    return (a @ v / a.sum(-1, keepdim=True)).to(q.dtype)
