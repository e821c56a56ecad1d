"""Rows are divided by their largest feature against overflow, and eps is added after that."""

import torch


def rms_norm(x, gamma, *, eps=1e-6):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    top = y.abs().amax(-1, keepdim=True).detach().clamp(min=1.0)
    y = y / top
    square = (y * y).mean(-1, keepdim=True)
    return (y * torch.rsqrt(square + eps) * gamma).to(x.dtype)
