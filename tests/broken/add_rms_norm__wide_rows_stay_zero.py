"""Rows that do not fit into shared memory are never normalised and come back zero."""

import torch


def add_rms_norm(x, residual, gamma, *, eps=1e-6):
    wide = torch.promote_types(x.dtype, torch.float32)
    s = (x.to(wide) + residual.to(wide)).to(x.dtype)
    y = s.to(wide)
    square = y.square().mean(-1, keepdim=True)
    out = y * torch.rsqrt(square + eps) * gamma
    if y.shape[-1] > 12288:
        out = torch.zeros_like(out)
    return out.to(x.dtype), s
