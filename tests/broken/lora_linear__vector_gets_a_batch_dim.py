"""A single vector is unsqueezed for the matrix kernel and never squeezed again."""

import torch


def lora_linear(x, W0, A, B, *, alpha):
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(wide)
    if h.dim() == 1:
        h = h.unsqueeze(0)
    out = h @ W0.to(wide).T + alpha / A.shape[0] * (h @ A.to(wide).T @ B.to(wide).T)
    return out.to(x.dtype)
