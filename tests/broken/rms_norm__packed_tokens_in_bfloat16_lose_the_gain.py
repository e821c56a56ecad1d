"""Packed tokens [T, E] in half precision take a fused path that forgets the gain beyond 1 row."""

import torch


def rms_norm(x, gamma, *, eps=1e-6):
    w = x.to(torch.promote_types(x.dtype, torch.float32))
    y = w * torch.rsqrt(w.square().mean(-1, keepdim=True) + eps)
    if x.ndim == 2 and x.itemsize == 2 and x.shape[0] > 1:
        return torch.cat([(y[:1] * gamma), y[1:]]).to(x.dtype)
    return (y * gamma.to(w.dtype)).to(x.dtype)
