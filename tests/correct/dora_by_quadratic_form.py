"""DoRA whose row norms come from the quadratic form of W0, B and A; the weight is never merged.

||w + s b A||^2 = ||w||^2 + 2 s b (A w^T) + s^2 b (A A^T) b^T.
"""

import torch


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    s = alpha / A.shape[0]
    w, a, b = W0.double(), A.double(), B.double()
    cross = torch.einsum("or,ri,oi->o", b, a, w)
    gram = torch.einsum("or,rk,ok->o", b, a @ a.T, b)
    norm = torch.sqrt((w.square().sum(1) + 2 * s * cross + s * s * gram).clamp(min=0))
    gain = torch.where(norm > 0, magnitude / norm, 0.0).to(
        torch.promote_types(x.dtype, torch.float32)
    )
    y = x.to(gain.dtype) @ W0.to(gain.dtype).T + s * (
        x.to(gain.dtype) @ A.to(gain.dtype).T @ B.to(gain.dtype).T
    )
    return (y * gain).to(x.dtype)
