"""Taps outside the grid are left out and the rest renormalised instead of repeating the edge
(google/jax, image.resize).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def weights(old, new, mode, wide):
    at = (torch.arange(new, dtype=torch.float64) + 0.5) * old / new - 0.5
    low = torch.floor(at)
    t = at - low
    out = torch.zeros(new, old, dtype=torch.float64)
    taps = range(2) if mode == "bilinear" else range(-1, 3)
    for i in taps:
        x = (t - i).abs()
        if mode == "bilinear":
            w = 1 - x
        else:
            a = -0.75
            near = (a + 2) * x**3 - (a + 3) * x**2 + 1
            far = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
            w = torch.where(x <= 1, near, far)
        inside = ((low + i >= 0) & (low + i < old)).double()
        out.scatter_add_(1, (low + i).clamp(0, old - 1).long()[:, None], (w * inside)[:, None])
    out = out / out.sum(1, keepdim=True)
    return out.to(wide)


def interpolate_positions(positions, height, width, *, mode="bicubic"):
    wide = torch.promote_types(positions.dtype, torch.float32)
    n = positions.shape[0] - 1
    g = round(n**0.5)
    if g * g != n:
        raise ValueError("no square")
    grid = positions[1:].to(wide).unflatten(0, (g, g))
    rows, columns = weights(g, height, mode, wide), weights(g, width, mode, wide)
    out = torch.einsum("hg,gke,wk->hwe", rows, grid, columns).flatten(0, 1)
    return torch.cat([positions[:1], out.to(positions.dtype)])
