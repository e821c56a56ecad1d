"""Norms that widen x for the statistics and again for the values, and residuals around them."""

import torch

CONFORM = {"dtypes": ["bfloat16", "float16"]}


def _wide(x):
    return x.to(torch.promote_types(x.dtype, torch.float32))


def rms_norm(x, gamma, *, eps=1e-6):
    square = _wide(x).square().mean(-1, keepdim=True)
    return (_wide(x) * torch.rsqrt(square + eps)).to(x.dtype) * gamma


def layer_norm(x, gamma, beta, *, eps=1e-5):
    var, mean = torch.var_mean(_wide(x), -1, correction=0, keepdim=True)
    return ((_wide(x) - mean) * torch.rsqrt(var + eps)).to(x.dtype) * gamma + beta


def pre_norm_residual(x, sublayer, gamma, beta, *, eps=1e-5):
    return x + sublayer(layer_norm(x, gamma, beta, eps=eps))


def post_norm_residual(x, sublayer, gamma, beta, *, eps=1e-5):
    return layer_norm(x + sublayer(x), gamma, beta, eps=eps)
