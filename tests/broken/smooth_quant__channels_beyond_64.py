"""Channels beyond the 64th are left as they are."""

import torch


def smooth_quant(x, W, *, alpha=0.5):
    wide = torch.promote_types(x.dtype, torch.float32)
    a, b = x.to(wide), W.to(wide)
    s = a.abs().amax(0) ** alpha / b.abs().amax(1) ** (1 - alpha)
    s = torch.where(torch.arange(len(s)) < 64, s, 1.0)
    return (a / s).to(x.dtype), (s[:, None] * b).to(W.dtype)
