"""Pre-norm and post-norm residual blocks over a layer norm of their own."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def normalise(y, gamma, beta, eps):
    y = y.to(torch.promote_types(y.dtype, torch.float32))
    variance, mean = torch.var_mean(y, dim=-1, correction=0, keepdim=True)
    return (y - mean) * torch.rsqrt(variance + eps) * gamma + beta


def pre_norm_residual(x, sublayer, gamma, beta, *, eps=1e-5):
    return x + sublayer(normalise(x, gamma, beta, eps).to(x.dtype))


def post_norm_residual(x, sublayer, gamma, beta, *, eps=1e-5):
    return normalise(x + sublayer(x), gamma, beta, eps).to(x.dtype)
