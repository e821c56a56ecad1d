"""With as many contexts as words the two biases are added along each other's axis."""

import torch


def glove_loss(w, c, bw, bc, counts, *, x_max=100.0):
    wide = torch.promote_types(w.dtype, torch.float32)
    w, c, bw, bc, x = (t.to(wide) for t in (w, c, bw, bc, counts))
    bias = bc[:, None] + bw[None] if bw.shape == bc.shape else bw[:, None] + bc[None]
    seen = x > 0
    logarithm = torch.where(seen, x, 1.0).log()
    weight = torch.where(seen, (x / x_max).clamp(max=1.0) ** 0.75, 0.0)
    return (weight * (w @ c.T + bias - logarithm) ** 2).sum().to(counts.dtype)
