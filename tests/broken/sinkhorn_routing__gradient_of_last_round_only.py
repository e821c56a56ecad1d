"""The rounds but the last run without gradients, so the slope is that of one round."""

import torch


def up(*ts):
    d = torch.float32
    for t in ts:
        d = torch.promote_types(d, t.dtype)
    return d


def sinkhorn_routing(scores, *, iterations=8):
    d = up(scores)
    s = scores.to(d)
    plan = torch.exp(s - s.amax().detach())
    share = s.shape[0] / s.shape[1]
    rows, cols = (torch.ones_like(plan[:, :1]), torch.ones_like(plan[:1]))
    for n in range(iterations):
        with torch.set_grad_enabled(torch.is_grad_enabled() and n == iterations - 1):
            rows = 1 / (plan * cols).sum(1, keepdim=True)
            cols = share / (plan * rows).sum(0, keepdim=True)
    return (plan * rows * cols).to(scores.dtype)
