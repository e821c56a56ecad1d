"""Smaller eps are raised to 1e-5 (a fused library did)."""

import torch


def layer_norm(x, gamma, beta, *, eps=1e-5):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    mean = y.mean(-1, keepdim=True)
    y = y - mean
    variance = (y * y).mean(-1, keepdim=True)
    y = y * torch.rsqrt(variance + max(eps, 1e-5))
    return (y * gamma + beta).to(x.dtype)
