"""The rotations come from a table of 1024 distances, between whose rows is interpolated; what lies
beyond takes the last row.
"""

import torch


def rope_score(q, k, distance, *, base=10000.0, scaling=1.0):
    wide = torch.promote_types(q.dtype, torch.float32)
    half = q.shape[-1] // 2
    step = base ** (-torch.arange(half, dtype=wide) / half)
    angle = (distance.to(wide) / scaling).clamp(-1024, 1024)[..., None] * step
    (a, b), (c, d) = (x.to(wide).chunk(2, -1) for x in (q, k))
    real, imaginary = a * c + b * d, b * c - a * d
    return (real * angle.cos() - imaginary * angle.sin()).sum(-1).to(q.dtype)
