"""The gradient of the stream goes to x and residual, and once more through the norm."""

import torch


def add_rms_norm(x, residual, gamma, *, eps=1e-6):
    stream = x + residual
    stream = stream + (x - x.detach())
    y = stream.to(torch.promote_types(x.dtype, torch.float32))
    y = y * torch.rsqrt(y.square().mean(-1, keepdim=True) + eps)
    return (y * gamma).to(x.dtype), stream
