"""Columns are scaled to the integer quotient of tokens and experts."""

import torch


def sinkhorn_routing(scores, *, iterations=8):
    s = scores.to(torch.promote_types(scores.dtype, torch.float32))
    tokens, experts = s.shape
    plan = torch.exp(s - s.max())
    for _ in range(iterations):
        plan = plan / plan.sum(1, keepdim=True)
        plan = plan / plan.sum(0, keepdim=True) * max(tokens // experts, 1)
    return plan.to(scores.dtype)
