"""The variance is E[x^2] - E[x]^2."""

import torch


def batch_norm(x, gamma, beta, *, eps=1e-5):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    mean = y.mean((0, 1))
    variance = (y.square().mean((0, 1)) - mean.square()).clamp(min=0)
    return ((y - mean) * torch.rsqrt(variance + eps) * gamma + beta).to(x.dtype)
