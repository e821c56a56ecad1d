"""The weight is multiplied before squaring, so it counts twice (GloVe #102, as misread)."""

import torch


def glove_loss(w, c, bw, bc, counts, *, x_max=100.0):
    wide = torch.promote_types(w.dtype, torch.float32)
    X = counts.to(wide)
    seen = X > 0
    X = torch.where(seen, X, 1.0)
    weight = (X / x_max).clamp(max=1.0).pow(0.75)
    fit = w.to(wide) @ c.to(wide).T + bw.to(wide)[:, None] + bc.to(wide)
    gap = weight * (fit - X.log())
    return torch.where(seen, gap * gap, 0.0).sum().to(w.dtype)
