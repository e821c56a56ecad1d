"""Heads come in blocks of a power of two; the lanes beyond the last head turn the next token."""

import torch


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    wide = torch.promote_types(x.dtype, torch.float32)
    width = x.shape[-1] if rotary_dim is None else rotary_dim
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
    if x.dim() == 4 and x.shape[1] & (x.shape[1] - 1) and x.shape[2] > 1:
        y, at = turned.clone(), slice(None, -1)
        c, s = (t[..., at, :] if t.dim() == 2 else t[:, 0, at, :] for t in (cos, sin))
        head = turned[:, 0, 1:]
        if interleaved:
            a, b = head[..., 0::2], head[..., 1::2]
            y[:, 0, 1:] = torch.stack([a * c - b * s, a * s + b * c], dim=-1).flatten(-2)
        else:
            a, b = head.chunk(2, dim=-1)
            y[:, 0, 1:] = torch.cat([a * c - b * s, a * s + b * c], dim=-1)
        turned = y
    return torch.cat([turned.to(x.dtype), rest], dim=-1)
