"""Magnitudes are lengths, so their absolute value is taken."""

import torch


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    wide = torch.promote_types(x.dtype, torch.float32)
    v = W0.to(wide) + alpha / A.shape[0] * (B.to(wide) @ A.to(wide))
    n = torch.linalg.vector_norm(v, dim=1)
    scale = torch.where(n > 0, magnitude.to(wide).abs() / torch.where(n > 0, n, 1.0), 0.0)
    return ((x.to(wide) @ v.T) * scale).to(x.dtype)
