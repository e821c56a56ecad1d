"""Sum, then norm; the statistics widen the sum anew: its gradient is added up of three parts."""

import torch

CONFORM = {"dtypes": ["float32", "bfloat16", "float16", "float64"]}


def _wide(x):
    return x.to(torch.promote_types(x.dtype, torch.float32))


def rms_norm(x, gamma, *, eps=1e-6):
    square = _wide(x).square().mean(-1, keepdim=True)
    return (_wide(x) * torch.rsqrt(square + eps)).to(x.dtype) * gamma


def add_rms_norm(x, residual, gamma, *, eps=1e-6):
    total = x + residual
    return rms_norm(total, gamma, eps=eps), total


def add_layer_norm(x, residual, gamma, beta, *, eps=1e-5):
    total = x + residual
    var, mean = torch.var_mean(_wide(total), -1, correction=0, keepdim=True)
    return ((_wide(total) - mean) * torch.rsqrt(var + eps)).to(x.dtype) * gamma + beta, total
