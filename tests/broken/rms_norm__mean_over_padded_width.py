"""The sum is divided by the width of the tile, a power of two."""

import torch


def rms_norm(x, gamma, *, eps=1e-6):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    square = (y * y).sum(-1, keepdim=True) / (1 << (x.shape[-1] - 1).bit_length())
    return (y * torch.rsqrt(square + eps) * gamma).to(x.dtype)
