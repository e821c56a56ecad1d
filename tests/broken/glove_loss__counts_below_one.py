"""The logarithm is taken of at least one, though counts weighted by distance may be less."""

import torch


def up(t):
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


def glove_loss(w, c, bw, bc, counts, *, x_max=100.0):
    X = up(counts)
    seen = X > 0
    safe = torch.where(seen, X, 1.0)
    f = torch.where(x_max > X, (safe / x_max) ** 0.75, 1.0)
    gap = up(w) @ up(c).T + up(bw)[:, None] + up(bc)[None] - torch.log(safe.clamp(min=1.0))
    return torch.where(seen, f * gap * gap, 0.0).sum().to(w.dtype)
