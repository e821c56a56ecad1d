"""Divides by the standard deviation without subtracting the mean."""

import torch

MISTAKE = "layer_norm.mean-not-subtracted"


def layer_norm(x, gamma, beta, *, eps=1e-5):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    mean = y.mean(-1, keepdim=True)
    variance = (y - mean).square().mean(-1, keepdim=True)
    y = y / torch.sqrt(variance + eps)
    return (y * gamma + beta).to(x.dtype)
