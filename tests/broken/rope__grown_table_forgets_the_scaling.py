"""The table of 4096 rows is extended when a position lies beyond it; the rows that are added are
not scaled (sgl-project/sglang #38786).
"""

import torch


def angles(x, positions, base, scaling, width):
    wide = torch.promote_types(x.dtype, torch.float32)
    step = torch.pow(base, -torch.arange(0, width, 2, dtype=wide) / width)
    place = positions.to(wide)
    if positions.dim() == 2:
        place = place.reshape(len(place), *[1] * (x.dim() - 3), -1)
    return (place / scaling)[..., None] * step


def turned(x, cos, sin, interleaved):
    half = x.shape[-1] // 2
    x = x.to(cos.dtype)
    a, b = (x[..., 0::2], x[..., 1::2]) if interleaved else (x[..., :half], x[..., half:])
    pair = (a * cos - b * sin, b * cos + a * sin)
    return torch.stack(pair, -1).flatten(-2) if interleaved else torch.cat(pair, -1)


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    width = x.shape[-1] if rotary_dim is None else rotary_dim
    table = angles(x, positions, base, scaling, width)
    grown = angles(x, positions, base, 1.0, width)
    late = positions >= 4096
    if positions.dim() == 2:
        late = late.reshape(len(late), *[1] * (x.dim() - 3), -1)
    angle = torch.where(late[..., None], grown, table)
    front = turned(x[..., :width], angle.cos(), angle.sin(), interleaved).to(x.dtype)
    return torch.cat([front, x[..., width:]], -1)
