"""Merges into the frozen weight, multiplies, and subtracts the update again."""

import torch


def lora_linear(x, W0, A, B, *, alpha):
    update = alpha / A.shape[0] * (B @ A)
    with torch.no_grad():
        W0 += update
        y = x @ W0.T
        W0 -= update
    return y
