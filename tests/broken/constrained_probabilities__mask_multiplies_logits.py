"""Forbidden logits are multiplied by zero, which is a logit like any other."""

import torch


def constrained_probabilities(logits, allowed):
    x = logits.to(torch.promote_types(logits.dtype, torch.float32)) * allowed
    return torch.softmax(x, -1).to(logits.dtype)
