"""The quadratic mean runs over the sequence and leaves the batch out."""

import torch

MISTAKE = "power_norm.over-sequence-only"


def power_norm(x, gamma, beta, *, eps=1e-5):
    return x * torch.rsqrt((x * x).mean(1, keepdim=True) + eps) * gamma + beta
