"""Variance divided by B L - 1."""

import torch

MISTAKE = "batch_norm.unbiased-variance"


def batch_norm(x, gamma, beta, *, eps=1e-5):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    y = y - y.mean((0, 1))
    y = y / torch.sqrt(y.square().sum((0, 1)) / max(y.shape[0] * y.shape[1] - 1, 1) + eps)
    return (y * gamma + beta).to(x.dtype)
