"""torch.var_mean for the moments; RMS norm by a vector norm."""

import math

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def layer_norm(x, gamma, beta, *, eps=1e-5):
    wide = torch.promote_types(x.dtype, torch.float32)
    y = x.to(wide)
    variance, mean = torch.var_mean(y, dim=-1, correction=0, keepdim=True)
    y = (y - mean) / (variance + eps) ** 0.5
    return torch.addcmul(beta.to(wide), y, gamma.to(wide)).to(x.dtype)


def rms_norm(x, gamma, *, eps=1e-6):
    wide = torch.promote_types(x.dtype, torch.float32)
    y = x.to(wide)
    norm = torch.linalg.vector_norm(y, dim=-1, keepdim=True)
    root = torch.sqrt((norm / math.sqrt(x.shape[-1])) ** 2 + eps)
    return (y / root).to(x.dtype) * gamma  # gamma after the cast, as Llama does


def batch_norm(x, gamma, beta, *, eps=1e-5):
    wide = torch.promote_types(x.dtype, torch.float32)
    y = x.to(wide)
    variance, mean = torch.var_mean(y, dim=(0, 1), correction=0)
    return ((y - mean) / torch.sqrt(variance + eps) * gamma + beta).to(x.dtype)
