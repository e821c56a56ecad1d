"""Rows are found by the stride of the length, which an axis of one token may have at will.

As in Liger's rope (0.8.5): one token of several heads and batch elements, contiguous as [B,H,L,D],
is contiguous as [B,L,H,D] too, and its length then keeps the stride D of a single head.
"""

import torch


def rope(x, positions, *, base=10000.0):
    wide = torch.promote_types(x.dtype, torch.float32)
    width = x.shape[-1]
    frequency = base ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angle = positions.double()[..., None] * frequency
    if positions.dim() == 2:
        angle = angle.reshape(angle.shape[0], *[1] * (x.dim() - 3), *angle.shape[1:])
    cos, sin = angle.cos().to(wide), angle.sin().to(wide)
    if x.dim() == 4:
        b, h, n, d = x.shape
        rows = x.transpose(1, 2).contiguous()  # [B,L,H,D]; a copy only where there are more tokens
        rows = rows.as_strided((b * n, h, d), (rows.stride(1), d, 1))
        x = rows.reshape(b, n, h, d).transpose(1, 2)
    first, second = x.to(wide).chunk(2, dim=-1)
    turned = torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)
    return turned.to(x.dtype)
