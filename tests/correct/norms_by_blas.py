"""Norms by vector norms, hypot, std_mean, group norm and batch norm of torch."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def _wide(x):
    return x.to(torch.promote_types(x.dtype, torch.float32))


def layer_norm(x, gamma, beta, *, eps=1e-5):
    y = _wide(x)
    deviation, mean = torch.std_mean(y, -1, correction=0, keepdim=True)
    y = (y - mean) / torch.hypot(deviation, torch.tensor(eps, dtype=y.dtype).sqrt())
    return torch.addcmul(_wide(beta), y, _wide(gamma)).to(x.dtype)


def rms_norm(x, gamma, *, eps=1e-6):
    y = _wide(x)
    length = torch.linalg.vector_norm(y, dim=-1, keepdim=True)
    n = y.shape[-1]
    return (
        y
        * (n**0.5 / torch.hypot(length, torch.tensor(n * eps, dtype=y.dtype).sqrt()))
        * _wide(gamma)
    ).to(x.dtype)


def batch_norm(x, gamma, beta, *, eps=1e-5):
    rows = x.reshape(-1, x.shape[-1])
    if len(rows) == 1:  # F.batch_norm wants more than one value a channel
        return (torch.zeros_like(rows) + beta).reshape(x.shape).to(x.dtype)
    y = F.batch_norm(_wide(rows), None, None, _wide(gamma), _wide(beta), training=True, eps=eps)
    return y.reshape(x.shape).to(x.dtype)


def add_rms_norm(x, residual, gamma, *, eps=1e-6):
    total = x + residual
    return rms_norm(total, gamma, eps=eps), total


def add_layer_norm(x, residual, gamma, beta, *, eps=1e-5):
    total = torch.add(residual, x)
    rows = _wide(total).reshape(-1, total.shape[-1])
    y = F.group_norm(rows, 1, _wide(gamma), _wide(beta), eps)
    return y.reshape(x.shape).to(x.dtype), total


def power_norm(x, gamma, beta, *, eps=1e-5):
    y = _wide(x)
    scale = torch.rsqrt(torch.einsum("ble,ble->e", y, y) / (y.shape[0] * y.shape[1]) + eps)
    return (y * (scale * _wide(gamma)) + _wide(beta)).to(x.dtype)


def pre_norm_residual(x, sublayer, gamma, beta, *, eps=1e-5):
    return x + sublayer(F.layer_norm(x, x.shape[-1:], gamma, beta, eps))


def post_norm_residual(x, sublayer, gamma, beta, *, eps=1e-5):
    return layer_norm(x + sublayer(x), gamma, beta, eps=eps)
