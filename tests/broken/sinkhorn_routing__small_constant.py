"""1e-3 is added to each sum against division by zero."""

import torch


def sinkhorn_routing(scores, *, iterations=8):
    wide = torch.promote_types(scores.dtype, torch.float32)
    tokens, n = scores.shape
    s = scores.to(wide)
    plan = torch.exp(s - s.amax(-1, keepdim=True))
    for _ in range(iterations):
        plan = plan / (plan.sum(1, keepdim=True) + 1e-3)
        plan = plan / (plan.sum(0, keepdim=True) + 1e-3) * (tokens / n)
    return plan.to(scores.dtype)
