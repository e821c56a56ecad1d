"""Norms in two passes: the mean first, then squares about it."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def layer_norm(x, gamma, beta, *, eps=1e-5):
    wide = torch.promote_types(x.dtype, torch.float32)
    y = x.to(wide)
    y = y - y.mean(-1, keepdim=True)
    y = y / torch.sqrt((y * y).mean(-1, keepdim=True) + eps)
    return (y * gamma.to(wide) + beta.to(wide)).to(x.dtype)


def rms_norm(x, gamma, *, eps=1e-6):
    wide = torch.promote_types(x.dtype, torch.float32)
    y = x.to(wide)
    return (y / torch.sqrt(torch.mean(y**2, -1, keepdim=True) + eps) * gamma.to(wide)).to(x.dtype)


def batch_norm(x, gamma, beta, *, eps=1e-5):
    wide = torch.promote_types(x.dtype, torch.float32)
    y = x.to(wide)  # one cast: its gradient is rounded once
    y = y - y.mean((0, 1))
    y = y * torch.rsqrt(y.square().mean((0, 1)) + eps)
    return (y * gamma.to(wide) + beta.to(wide)).to(x.dtype)
