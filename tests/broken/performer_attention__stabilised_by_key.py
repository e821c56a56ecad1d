"""Each key's own maximum is subtracted against overflow, which weighs the keys anew."""

import torch

MISTAKE = "performer_attention.stabilised-by-key"


def features(x, omega):
    x = x * x.shape[-1] ** -0.25
    exponent = x @ omega.T - (x * x).sum(-1, keepdim=True) / 2
    return torch.exp(exponent - exponent.amax(-1, keepdim=True))


def performer_attention(q, k, v, omega, *, causal=False):
    weights = features(q, omega) @ features(k, omega).mT
    weights = weights.tril() if causal else weights
    return weights @ v / weights.sum(-1, keepdim=True)
