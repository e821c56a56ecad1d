"""The base result comes from a frozen layer under no_grad, so that the input loses its main
path.
"""

import torch


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    wide = torch.promote_types(x.dtype, torch.float32)
    h, W = x.to(wide), W0.to(wide)
    s = alpha / A.shape[0]
    with torch.no_grad():
        base = h @ W.T
    ratio = magnitude.to(wide) / (W + s * B.to(wide) @ A.to(wide)).detach().norm(dim=1)
    return (base + (ratio - 1) * base + ratio * s * (h @ A.to(wide).T @ B.to(wide).T)).to(x.dtype)
