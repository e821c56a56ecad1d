"""Statistics are constants in the backward pass, as in evaluation."""

import torch


def batch_norm(x, gamma, beta, *, eps=1e-5):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    mean = y.detach().mean((0, 1))
    variance = (y.detach() - mean).square().mean((0, 1))
    return ((y - mean) * torch.rsqrt(variance + eps) * gamma + beta).to(x.dtype)
