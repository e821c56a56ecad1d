"""Pairs that never occur are left out behind the square of an infinity, whose gradient is NaN."""

import torch


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def glove_loss(w, c, bw, bc, counts, *, x_max=100.0):
    n = up(counts)
    weight = (n / x_max).clamp(max=1) ** 0.75
    logs = n.log()
    gap = up(w) @ up(c).T + up(bw)[:, None] + up(bc) - logs
    return torch.where(n > 0, weight * gap.square(), torch.zeros_like(gap)).sum().to(w.dtype)
