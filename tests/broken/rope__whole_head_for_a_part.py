"""All features are turned whatever rotary_dim says."""

import torch


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    wide = torch.promote_types(x.dtype, torch.float32)
    width = x.shape[-1]
    if width % 2:
        raise ValueError(f"rotary_dim={width}, expected an even number")
    frequency = base ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angle = (positions.double() / scaling)[..., None] * frequency
    if positions.dim() == 2:
        angle = angle.reshape(len(positions), *[1] * (x.dim() - 3), *angle.shape[1:])
    cos, sin = angle.cos().to(wide), angle.sin().to(wide)
    part, rest = x[..., :width].to(wide), x[..., width:]
    if interleaved:
        a, b = part[..., 0::2], part[..., 1::2]
        turned = torch.stack([a * cos - b * sin, a * sin + b * cos], dim=-1).flatten(-2)
    else:
        a, b = part.chunk(2, dim=-1)
        turned = torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)
    return torch.cat([turned.to(x.dtype), rest], dim=-1)
