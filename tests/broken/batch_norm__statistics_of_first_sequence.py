"""Each process uses the statistics of its own share of the batch, the first one."""

import torch


def batch_norm(x, gamma, beta, *, eps=1e-5):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    mean = y[:1].mean((0, 1))
    variance = (y[:1] - mean).square().mean((0, 1))
    return ((y - mean) * torch.rsqrt(variance + eps) * gamma + beta).to(x.dtype)
