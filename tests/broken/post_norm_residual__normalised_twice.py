"""Normalises the input as well as the sum."""

import torch


def normalise(x, gamma, beta, eps):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    variance, mean = torch.var_mean(y, dim=-1, correction=0, keepdim=True)
    return ((y - mean) * torch.rsqrt(variance + eps) * gamma + beta).to(x.dtype)


def post_norm_residual(x, sublayer, gamma, beta, *, eps=1e-5):
    return normalise(x + sublayer(normalise(x, gamma, beta, eps)), gamma, beta, eps)
