"""The variance is the mean of the variances of the sequences (synchronised without the means)."""

import torch


def batch_norm(x, gamma, beta, *, eps=1e-5):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    mean = y.mean((0, 1))
    variance = (y - y.mean(1, keepdim=True)).square().mean((0, 1))
    return ((y - mean) * torch.rsqrt(variance + eps) * gamma + beta).to(x.dtype)
