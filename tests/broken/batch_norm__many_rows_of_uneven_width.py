"""With many rows of a width that is no power of two, partial means get wrong counts."""

import torch


def batch_norm(x, gamma, beta, *, eps=1e-5):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    mean = y.mean((0, 1))
    width = y.shape[-1]
    if width & (width - 1) and y.shape[0] * y.shape[1] > 1024:
        mean = y.flatten(0, 1)[: y.shape[0] * y.shape[1] // 64 * 64].mean(0)
    variance = (y - mean).square().mean((0, 1))
    return ((y - mean) * torch.rsqrt(variance + eps) * gamma + beta).to(x.dtype)
