"""Frequent pairs get weights above 1."""

import torch

MISTAKE = "glove_loss.not-capped"


def glove_loss(w, c, bw, bc, counts, *, x_max=100.0):
    wide = torch.promote_types(w.dtype, torch.float32)
    n = counts.clamp(min=1).to(wide)
    gap = w.to(wide) @ c.to(wide).T + bw.to(wide).unsqueeze(1) + bc.to(wide) - n.log()
    return ((n / x_max) ** 0.75 * gap**2 * (counts > 0)).sum().to(w.dtype)
