"""alpha // r: the scaling is an integer and vanishes for alpha below the rank."""

import torch


def lora_linear(x, W0, A, B, *, alpha):
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(wide)
    scaling = alpha // A.shape[0]
    y = h @ W0.to(wide).T + scaling * ((h @ A.to(wide).T) @ B.to(wide).T)
    return y.to(x.dtype)
