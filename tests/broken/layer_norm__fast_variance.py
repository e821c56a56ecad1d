"""E[x^2] - E[x]^2: cancels where the mean is large (flax's default)."""

import torch

MISTAKE = "layer_norm.one-pass-variance"


def layer_norm(x, gamma, beta, *, eps=1e-5):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    mean = y.mean(-1, keepdim=True)
    variance = (y.square().mean(-1, keepdim=True) - mean.square()).clamp(min=0)
    y = (y - mean) / torch.sqrt(variance + eps)
    return (y * gamma + beta).to(x.dtype)
