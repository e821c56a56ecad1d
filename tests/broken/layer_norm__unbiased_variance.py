"""Variance divided by E - 1 (the Annotated Transformer)."""

import torch

MISTAKE = "layer_norm.unbiased-variance"


def layer_norm(x, gamma, beta, *, eps=1e-5):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    mean = y.mean(-1, keepdim=True)
    variance = (y - mean).square().sum(-1, keepdim=True) / max(y.shape[-1] - 1, 1)
    y = (y - mean) / torch.sqrt(variance + eps)
    return (y * gamma + beta).to(x.dtype)
