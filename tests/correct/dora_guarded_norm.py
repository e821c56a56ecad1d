"""DoRA whose norm has float32's machine epsilon added against division by zero (LyCORIS)."""

import torch

CONFORM = {"dtypes": ["float32", "bfloat16", "float16"]}


def _merged(W0, A, B, magnitude, alpha):
    weight = W0.float() + alpha / len(A) * (B.float() @ A.float())
    norm = weight.norm(dim=1, keepdim=True) + torch.finfo(torch.float32).eps
    return weight * (magnitude.float()[:, None] / norm)


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    return (x.float() @ _merged(W0, A, B, magnitude, alpha).T).to(x.dtype)


def dora_merge(W0, A, B, magnitude, *, alpha):
    return _merged(W0, A, B, magnitude, alpha).to(W0.dtype)
