"""Normalises over the last two dimensions."""

import torch


def rms_norm(x, gamma, *, eps=1e-6):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    over = (-2, -1) if y.dim() > 1 else (-1,)
    y = y / torch.sqrt(y.square().mean(over, keepdim=True) + eps)
    return (y * gamma).to(x.dtype)
