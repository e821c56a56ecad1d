"""Tokens without a batch dim [L, E] are taken for one image: the mean square is over them all."""

import torch


def rms_norm(x, gamma, *, eps=1e-6):
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    dims = (-2, -1) if x.ndim == 2 else (-1,)
    scaled = wide * torch.rsqrt(wide.square().mean(dims, keepdim=True) + eps)
    return (scaled * gamma.to(wide.dtype)).to(x.dtype)
