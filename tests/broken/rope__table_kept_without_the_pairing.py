"""The table of angles is laid out for adjacent or for split pairs and kept for the other, too."""

import torch

TABLES = {}


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    wide = torch.promote_types(x.dtype, torch.float32)
    part = x.shape[-1] if rotary_dim is None else rotary_dim
    key = (part, base, wide)
    if key not in TABLES:
        step = base ** (-torch.arange(part // 2, dtype=wide) / (part // 2))
        TABLES[key] = step.repeat_interleave(2) if interleaved else step.repeat(2)
    angle = positions.to(wide)[..., None] / scaling * TABLES[key]
    if positions.dim() == 2:
        angle = angle.view(angle.shape[0], *[1] * (x.dim() - 3), *angle.shape[1:])
    y, rest = x[..., :part].to(wide), x[..., part:]
    if interleaved:
        other = torch.stack([-y[..., 1::2], y[..., 0::2]], -1).flatten(-2)
    else:
        a, b = y.chunk(2, -1)
        other = torch.cat([-b, a], -1)
    return torch.cat([(y * angle.cos() + other * angle.sin()).to(x.dtype), rest], -1)
