"""Feature map relu(x) + 1 in place of elu(x) + 1."""

import torch


def feature(x):
    return torch.relu(x) + 1


def linear_attention(q, k, v, *, causal=False):
    wide = torch.promote_types(q.dtype, torch.float32)
    fq, fk, v = feature(q.to(wide)), feature(k.to(wide)), v.to(wide)
    a = fq @ fk.mT
    a = a.tril() if causal else a
    return (a @ v / a.sum(-1, keepdim=True)).to(q.dtype)
