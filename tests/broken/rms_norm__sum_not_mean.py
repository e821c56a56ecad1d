"""Divides by the norm: the sum of squares, not their mean."""

import torch

MISTAKE = "rms_norm.sum-for-mean"


def rms_norm(x, gamma, *, eps=1e-6):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    y = y / torch.sqrt(y.square().sum(-1, keepdim=True) + eps)
    return (y * gamma).to(x.dtype)
