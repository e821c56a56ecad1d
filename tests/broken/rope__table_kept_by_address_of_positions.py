"""The table of angles is kept by the address of the positions, which decoding steps up in place."""

import torch

_TABLES = {}


def _angles(positions, pairs, base, scaling):
    key = (positions.data_ptr(), tuple(positions.shape), positions.stride(), pairs, base, scaling)
    if key not in _TABLES:
        rate = base ** (-torch.arange(pairs, dtype=torch.float64) / pairs)
        _TABLES[key] = positions.double()[..., None] / scaling * rate, positions
    return _TABLES[key][0]


def rope(x, positions, *, base=10000.0, interleaved=False, scaling=1.0, rotary_dim=None):
    width = x.shape[-1] if rotary_dim is None else rotary_dim
    if width % 2 or width > x.shape[-1]:
        raise ValueError(f"rotary_dim={width} does not fit a head of {x.shape[-1]}")
    angle = _angles(positions, width // 2, base, scaling)
    angle = angle if positions.dim() == 1 else angle[:, None]
    wide = torch.promote_types(x.dtype, torch.float32)
    cos, sin = angle.cos().to(wide), angle.sin().to(wide)
    part, rest = x[..., :width].to(wide), x[..., width:]
    if interleaved:
        a, b = part[..., ::2], part[..., 1::2]
        turned = torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)
    else:
        a, b = part.chunk(2, -1)
        turned = torch.cat([a * cos - b * sin, a * sin + b * cos], -1)
    return torch.cat([turned.to(x.dtype), rest], -1)
