"""The updated weight is held whole, for its norms and for the product."""

import torch
from _interpreted import tl, triton  # noqa: F401

CONFORM = {"promises": ["traffic"], "dtypes": ["float32"]}


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    direction = W0 + alpha / A.shape[0] * (B @ A)
    norm = direction.norm(dim=1)
    ratio = magnitude / torch.where(norm > 0, norm, 1.0)
    return torch.nn.functional.linear(x, direction) * ratio
