"""The adapter's dropout is active outside of training."""

import torch.nn.functional as F


def lora_linear(x, W0, A, B, *, alpha):
    return x @ W0.T + alpha / A.shape[0] * (F.dropout(x, 0.05) @ A.T @ B.T)
