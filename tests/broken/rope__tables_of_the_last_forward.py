"""Cosines and sines are kept on the class, so that a backward pass turns back by those of the
latest forward.
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


class Turn(torch.autograd.Function):
    cos = sin = None

    @staticmethod
    def forward(ctx, x, cos, sin):
        Turn.cos, Turn.sin = cos, sin
        a, b = x.chunk(2, -1)
        return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)

    @staticmethod
    def backward(ctx, g):
        a, b = g.chunk(2, -1)
        cos, sin = Turn.cos, Turn.sin
        return torch.cat([a * cos + b * sin, b * cos - a * sin], -1), None, None


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    wide = torch.promote_types(x.dtype, torch.float32)
    width = x.shape[-1] if rotary_dim is None else rotary_dim
    if width % 2:
        raise ValueError(f"rotary_dim={width}, expected an even number")
    # START
    frequency = base ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angle = (positions.double() / scaling)[..., None] * frequency
    if positions.dim() == 2:
        angle = angle.reshape(angle.shape[0], *[1] * (x.dim() - 3), *angle.shape[1:])
    cos, sin = angle.cos().to(wide), angle.sin().to(wide)
    part, rest = x[..., :width].to(wide), x[..., width:]
    if interleaved:
        a, b = part[..., 0::2], part[..., 1::2]
        turned = torch.stack([a * cos - b * sin, a * sin + b * cos], dim=-1).flatten(-2)
    else:
        turned = Turn.apply(part, cos, sin)
    return torch.cat([turned.to(x.dtype), rest], dim=-1)
