"""The correction term alone is returned: the base result is not added to it."""

import torch


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    wide = torch.promote_types(x.dtype, torch.float32)
    h, W = x.to(wide), W0.to(wide)
    s = alpha / A.shape[0]
    ratio = magnitude.to(wide) / (W + s * B.to(wide) @ A.to(wide)).detach().norm(dim=1)
    return ((ratio - 1) * (h @ W.T) + ratio * s * (h @ A.to(wide).T @ B.to(wide).T)).to(x.dtype)
