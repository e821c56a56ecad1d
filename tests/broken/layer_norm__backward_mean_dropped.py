"""The gradient treats the mean as a constant."""

import torch


def layer_norm(x, gamma, beta, *, eps=1e-5):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    mean = y.detach().mean(-1, keepdim=True)
    variance = (y - mean).square().mean(-1, keepdim=True)
    y = (y - mean) / torch.sqrt(variance + eps)
    return (y * gamma + beta).to(x.dtype)
