"""The squared norm is expanded and the mixed term is added once instead of twice."""

import torch


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    wide = torch.promote_types(x.dtype, torch.float32)
    h, W, a, b, m = (t.to(wide) for t in (x, W0, A, B, magnitude))
    s = alpha / A.shape[0]
    low = (b @ (a @ a.T) * b).sum(1)
    cross = ((W @ a.T) * b).sum(1)
    norm = ((W * W).sum(1) + s * cross + s * s * low).clamp(min=0).sqrt()
    return ((h @ W.T + s * (h @ a.T) @ b.T) * (m / norm)).to(x.dtype)
