"""Lanes of padding to a power of two count in the variance with the mean squared (a fused kernel
did).
"""

import torch


def layer_norm(x, gamma, beta, *, eps=1e-5):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    mean = y.mean(-1, keepdim=True)
    y = y - mean
    n = x.shape[-1]
    extra = (1 << (n - 1).bit_length()) - n
    variance = ((y * y).sum(-1, keepdim=True) + extra * mean * mean) / n
    y = y * torch.rsqrt(variance + eps)
    return (y * gamma + beta).to(x.dtype)
