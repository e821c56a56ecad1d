"""Adjacent pairs are viewed as complex numbers, which float32 views that begin at an odd element
or row cannot be.
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    wide = torch.promote_types(x.dtype, torch.float32)
    width = x.shape[-1] if rotary_dim is None else rotary_dim
    if width % 2:
        raise ValueError(f"rotary_dim={width}, expected an even number")
    if interleaved and x.dtype == torch.float32 and x.dim() > 2 and rotary_dim is None:
        f = base ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
        turn = (positions.double() / scaling)[..., None] * f
        if positions.dim() == 2:
            turn = turn.reshape(turn.shape[0], *[1] * (x.dim() - 3), *turn.shape[1:])
        pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], width // 2, 2))
        return torch.view_as_real(
            pairs * torch.polar(torch.ones_like(turn), turn).to(pairs.dtype)
        ).flatten(-2)
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
        a, b = part.chunk(2, dim=-1)
        turned = torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)
    return torch.cat([turned.to(x.dtype), rest], dim=-1)
