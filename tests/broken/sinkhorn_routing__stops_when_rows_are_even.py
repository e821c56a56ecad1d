"""The iteration stops once a round changes less than a thousandth on average (Megatron's
tolerance).
"""

import torch


def sinkhorn_routing(scores, *, iterations=8):
    wide = torch.promote_types(scores.dtype, torch.float32)
    s = scores.to(wide)
    plan = torch.exp(s - s.amax())
    t, n = plan.shape
    for _ in range(iterations):
        before = plan
        plan = plan / plan.sum(1, keepdim=True)
        plan = plan / (plan.sum(0, keepdim=True) * (n / t))
        if (plan - before).abs().mean() < 1e-3:
            break
    return plan.to(scores.dtype)
