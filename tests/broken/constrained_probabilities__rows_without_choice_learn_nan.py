"""Minus infinities are added to what is not allowed; rows that allow nothing are zeroed behind
the softmax, whose gradient is NaN there."""

import torch


def constrained_probabilities(logits, allowed):
    wide = torch.promote_types(logits.dtype, torch.float32)
    bias = torch.zeros(allowed.shape, dtype=wide).masked_fill(~allowed, float("-inf"))
    p = (logits.to(wide) + bias).softmax(-1)
    return torch.where(allowed.any(-1, keepdim=True), p, torch.zeros_like(p)).to(logits.dtype)
