"""Eager PyTorch in the dtype of the inputs, every step rounded."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}
F = torch.nn.functional


def lora_linear(x, W0, A, B, *, alpha):
    return F.linear(x, W0) + F.linear(F.linear(x, A), B) * (alpha / A.shape[0])


def lora_merge(W0, A, B, *, alpha):
    return W0 + (B @ A) * (alpha / A.shape[0])


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    s = alpha / A.shape[0]
    norm = torch.linalg.norm(W0 + s * (B @ A), dim=1)
    base, ratio = F.linear(x, W0), magnitude / norm
    return base + ((ratio - 1) * base + ratio * F.linear(F.linear(x, A), B) * s)


def dora_merge(W0, A, B, magnitude, *, alpha):
    V = W0 + alpha / A.shape[0] * (B @ A)
    return (magnitude / torch.linalg.norm(V, dim=1))[:, None] * V


def dylora_linear(x, W0, A, B, *, alpha, rank):
    if not 1 <= rank <= A.shape[0]:
        raise ValueError(f"rank={rank}")
    return F.linear(x, W0) + F.linear(F.linear(x, A[:rank]), B[:, :rank]) * (alpha / rank)


def loha_delta(A1, B1, A2, B2, *, alpha):
    return (B1 @ A1) * (B2 @ A2) * (alpha / A1.shape[0])


def lokr_delta(C, A, B, *, alpha):
    grid = C[:, None, :, None] * (B @ A)[None, :, None, :]
    return grid.flatten(2, 3).flatten(0, 1) * (alpha / A.shape[0])


def lora_plus_step(A, B, grad_A, grad_B, *, lr, ratio=16.0):
    return A - lr * grad_A, B - lr * ratio * grad_B


def subspace_update(theta, P, z):
    return theta + P @ z
