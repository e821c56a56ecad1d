"""Welford's update, Chan's parallel form: mean and squares of pieces of 16 merged one by one."""

import torch

PIECE = 16
CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def moments(y):
    """Mean and mean square about it over the last dimension, which stays as size 1."""
    count, mean, squares = 0, 0.0, 0.0
    for part in y.split(PIECE, dim=-1):
        n = part.shape[-1]
        local = part.mean(-1, keepdim=True)
        spread = (part - local).square().sum(-1, keepdim=True)
        delta = local - mean
        squares = squares + spread + delta * delta * (count * n / (count + n))
        mean = mean + delta * (n / (count + n))
        count += n
    return mean, squares / count


def layer_norm(x, gamma, beta, *, eps=1e-5):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    mean, variance = moments(y)
    return ((y - mean) * torch.rsqrt(variance + eps) * gamma + beta).to(x.dtype)


def batch_norm(x, gamma, beta, *, eps=1e-5):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    mean, variance = (m[:, 0] for m in moments(y.flatten(0, 1).t()))
    return ((y - mean) * (torch.rsqrt(variance + eps) * gamma) + beta).to(x.dtype)
