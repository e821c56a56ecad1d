"""Normalises over the features, as layer norm."""

import torch

MISTAKE = "batch_norm.layer-norm-instead"


def batch_norm(x, gamma, beta, *, eps=1e-5):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    y = y - y.mean(-1, keepdim=True)
    y = y / torch.sqrt(y.square().mean(-1, keepdim=True) + eps)
    return (y * gamma + beta).to(x.dtype)
