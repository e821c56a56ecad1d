"""Counts are read as 16-bit integers, and wrap around beyond 32767."""

import torch


def glove_loss(w, c, bw, bc, counts, *, x_max=100.0):
    d = torch.promote_types(w.dtype, torch.float32)
    x = torch.where(counts > 32767, counts - 65536, counts).to(d)
    seen = x > 0
    safe = torch.where(seen, x, 1.0)
    weight = torch.clamp((safe / x_max) ** 0.75, max=1.0)
    gap = w.to(d) @ c.to(d).T + bw.to(d)[:, None] + bc.to(d) - torch.log(safe)
    return torch.where(seen, weight * gap**2, 0.0).sum().to(w.dtype)
