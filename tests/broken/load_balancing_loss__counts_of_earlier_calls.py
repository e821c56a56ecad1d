"""Tokens per expert are counted in a buffer that is not cleared between calls."""

import torch

_counts = {}


def load_balancing_loss(probs, indices):
    p = probs.to(torch.promote_types(probs.dtype, torch.float32))
    experts = p.shape[1]
    buffer = _counts.setdefault(experts, torch.zeros(experts, dtype=torch.float64))
    buffer += torch.bincount(indices, minlength=experts)
    fraction = (buffer / buffer.sum()).to(p.dtype)
    return (experts * (fraction * p.mean(0)).sum()).to(probs.dtype)
