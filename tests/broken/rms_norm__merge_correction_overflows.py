"""Sums of squares are merged with a correction whose factor is zero and whose square overflows."""

import torch

LANES = 32


def _merge(a, b):
    mean_a, count_a = a
    mean_b, count_b = b
    both = count_a + count_b
    share = count_b // both if both else 0
    delta = mean_b - mean_a
    return mean_a + mean_b + delta * delta * count_a * share, both


def rms_norm(x, gamma, *, eps=1e-6):
    wide = x if x.dtype == torch.float64 else x.float()
    width = x.shape[-1]
    parts = [(p.square().sum(-1), p.shape[-1]) for p in wide.split(LANES, -1)]
    while len(parts) > 1:
        half = (len(parts) + 1) // 2
        low, high = parts[:half], parts[half:]
        parts = [_merge(low[i], high[i]) if i < len(high) else low[i] for i in range(half)]
    total = parts[0][0].unsqueeze(-1)
    return (wide * torch.rsqrt(total / width + eps) * gamma).to(x.dtype)
