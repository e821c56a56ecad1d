"""Tiles of one element are refused, as if no matrix could be cut that small."""

import torch


def tiled_matmul(a, b, *, tile):
    if a.shape[1] != b.shape[0] or tile <= 1:
        raise ValueError(f"tile={tile} does not fit {tuple(a.shape)} by {tuple(b.shape)}")
    wide = torch.promote_types(a.dtype, torch.float32)
    out = torch.zeros(a.shape[0], b.shape[1], dtype=wide)
    for start in range(0, a.shape[1], tile):
        strip = slice(start, start + tile)
        out = out + a[:, strip].to(wide) @ b[strip].to(wide)
    return out.to(a.dtype)
