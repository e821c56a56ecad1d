"""1e-6 is added to the norms, which small rows feel."""

import torch


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    work = torch.float64 if x.dtype == torch.float64 else torch.float32
    W = W0.to(work) + alpha / A.shape[0] * (B.to(work) @ A.to(work))
    norm = W.norm(dim=1).detach() + 1e-6
    return ((x.to(work) @ W.t()) * (magnitude.to(work) / norm)).to(x.dtype)
