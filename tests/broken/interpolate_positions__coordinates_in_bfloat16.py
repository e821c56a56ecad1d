"""The places to read from are computed in the dtype: in bfloat16 they step (pytorch pull request
83847).
"""

import torch


def _cubic(t, a=-0.75):
    t = t.abs()
    near = (a + 2) * t**3 - (a + 3) * t**2 + 1
    far = a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a
    return torch.where(t <= 1, near, torch.where(t < 2, far, torch.zeros_like(t)))


def _weights(old, new, mode, dtype):
    wide = torch.promote_types(dtype, torch.float32)
    if dtype == torch.bfloat16:
        at = (torch.arange(new).to(dtype) + 0.5) * (old / new) - 0.5
        at = at.to(wide)
    else:
        at = (torch.arange(new, dtype=wide) + 0.5) * (old / new) - 0.5
    if mode == "bilinear":
        at = at.clamp(min=0)
    base = at.floor()
    matrix = torch.zeros(new, old, dtype=wide)
    for step in range(-1, 3):
        place = base + step
        w = _cubic(at - place) if mode == "bicubic" else (1 - (at - place).abs()).clamp(min=0)
        matrix.scatter_add_(1, place.clamp(0, old - 1).long()[:, None], w[:, None])
    return matrix


def interpolate_positions(positions, height, width, *, mode="bicubic"):
    n, e = positions.shape
    side = round((n - 1) ** 0.5)
    if side * side != n - 1:
        raise ValueError(f"positions: {n} rows but one are no square")
    rows = _weights(side, height, mode, positions.dtype)
    columns = _weights(side, width, mode, positions.dtype)
    grid = positions[1:].to(rows.dtype).reshape(side, side, e)
    out = torch.einsum("hr,wc,rce->hwe", rows, columns, grid).reshape(-1, e)
    return torch.cat([positions[:1], out.to(positions.dtype)])
