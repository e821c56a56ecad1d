"""Merges into the frozen weight and never takes it out again."""

import torch


def lora_linear(x, W0, A, B, *, alpha):
    with torch.no_grad():
        W0 += alpha / A.shape[0] * (B @ A)
    return x @ W0.T
