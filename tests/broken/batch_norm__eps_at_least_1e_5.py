"""A library below takes no epsilon under 1e-5 and raises smaller ones."""

import torch


def batch_norm(x, gamma, beta, *, eps=1e-5):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    hat = (y - y.mean((0, 1))) * torch.rsqrt(y.var((0, 1), unbiased=False) + max(eps, 1e-5))
    return (hat * gamma + beta).to(x.dtype)
