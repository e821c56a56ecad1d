"""Features beyond 1024 are left out of the statistics."""

import torch


def layer_norm(x, gamma, beta, *, eps=1e-5):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    mean = y[..., :1024].mean(-1, keepdim=True)
    y = y - mean
    variance = (y * y)[..., :1024].mean(-1, keepdim=True)
    y = y * torch.rsqrt(variance + eps)
    return (y * gamma + beta).to(x.dtype)
