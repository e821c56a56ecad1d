"""Rows wider than 1024 are read in vectors of four, and the mean is over whole vectors."""

import torch


def layer_norm(x, gamma, beta, *, eps=1e-5):
    w = torch.promote_types(x.dtype, torch.float32)
    E = x.shape[-1]
    n = E if E <= 1024 else -(-E // 4) * 4
    y = x.to(w)
    m = y.sum(-1, keepdim=True) / n
    v = (y - m).square().sum(-1, keepdim=True) / n
    return ((y - m) * (v + eps).rsqrt() * gamma.to(w) + beta.to(w)).to(x.dtype)
