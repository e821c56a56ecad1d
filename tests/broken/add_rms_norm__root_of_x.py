"""The root is that of x alone."""

import torch


def add_rms_norm(x, residual, gamma, *, eps=1e-6):
    stream = x + residual
    y = stream.to(torch.promote_types(x.dtype, torch.float32))
    y = y * torch.rsqrt(x.to(y.dtype).square().mean(-1, keepdim=True) + eps)
    return (y * gamma).to(x.dtype), stream
