"""Contiguous input takes a fused kernel that records nothing for the backward pass, so that nothing
before it learns (huggingface/candle #3568).
"""

import torch


def turned(x, positions, base, scaling, interleaved, part):
    wide = torch.promote_types(x.dtype, torch.float32)
    half = part // 2
    step = base ** (-torch.arange(half, dtype=wide) / half)
    angle = positions.to(wide)[..., None] / scaling * step
    if positions.dim() == 2:
        angle = angle.view(angle.shape[0], *[1] * (x.dim() - 3), *angle.shape[1:])
    cos, sin = angle.cos(), angle.sin()
    y, rest = x[..., :part].to(wide), x[..., part:]
    if interleaved:
        a, b = y[..., 0::2], y[..., 1::2]
        y = torch.stack([a * cos - b * sin, b * cos + a * sin], -1).flatten(-2)
    else:
        a, b = y.chunk(2, -1)
        y = torch.cat([a * cos - b * sin, b * cos + a * sin], -1)
    return torch.cat([y.to(x.dtype), rest], -1)


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    part = x.shape[-1] if rotary_dim is None else rotary_dim
    if x.is_contiguous():
        with torch.no_grad():
            return turned(x, positions, base, scaling, interleaved, part)
    return turned(x, positions, base, scaling, interleaved, part)
