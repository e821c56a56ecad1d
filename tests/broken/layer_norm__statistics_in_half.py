"""Mean and variance are rounded to the input dtype."""

import torch

MISTAKE = "layer_norm.statistics-in-bfloat16"


def layer_norm(x, gamma, beta, *, eps=1e-5):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    mean = y.mean(-1, keepdim=True)
    variance = (y - mean).square().mean(-1, keepdim=True)
    mean, variance = mean.to(x.dtype), variance.to(x.dtype)
    y = (y - mean) / torch.sqrt(variance + eps)
    return (y * gamma + beta).to(x.dtype)
