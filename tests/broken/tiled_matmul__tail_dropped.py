"""Counts whole tiles only: the rest of the inner dimension is never added."""

import torch

MISTAKE = "tiled_matmul.tail-dropped"


def tiled_matmul(a, b, *, tile):
    wide = torch.promote_types(a.dtype, torch.float32)
    out = torch.zeros(a.shape[0], b.shape[1], dtype=wide)
    step = min(tile, a.shape[1])
    for n in range(a.shape[1] // step):
        part = slice(n * step, (n + 1) * step)
        out = out + a[:, part].to(wide) @ b[part].to(wide)
    return out.to(a.dtype)
