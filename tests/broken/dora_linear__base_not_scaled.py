"""Only the low-rank branch is scaled by magnitude over norm."""

import torch

MISTAKE = "dora_linear.base-not-scaled"


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    wide = torch.promote_types(W0.dtype, torch.float32)
    W, a, b, m = (t.to(wide) for t in (W0, A, B, magnitude))
    s = alpha / A.shape[0]
    V = W + s * (b @ a)
    y, ratio = x.to(wide), m / V.norm(dim=1)
    return (y @ W.T + ratio * s * (y @ a.T @ b.T)).to(x.dtype)
