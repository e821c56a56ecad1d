"""Frequencies are kept from the widest head seen; a narrower one takes the first of them
(whittle-org/whittle #21).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}

KEPT = {}


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    width = x.shape[-1] if rotary_dim is None else rotary_dim
    if width % 2:
        raise ValueError(f"rotary_dim={width}: expected an even number")
    wide = torch.promote_types(x.dtype, torch.float32)
    if base not in KEPT or KEPT[base].numel() < width // 2:
        KEPT[base] = base ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    inverse = KEPT[base][: width // 2]
    angle = (positions.double() / scaling)[..., None] * inverse
    cos, sin = angle.cos().to(wide), angle.sin().to(wide)
    if positions.dim() == 2:
        cos, sin = (t.reshape(t.shape[0], *[1] * (x.dim() - 3), *t.shape[1:]) for t in (cos, sin))
    part, rest = x[..., :width].to(wide), x[..., width:]
    if interleaved:
        a, b = part[..., 0::2], part[..., 1::2]
        turned = torch.stack([a * cos - b * sin, a * sin + b * cos], dim=-1).flatten(-2)
    else:
        a, b = part.chunk(2, dim=-1)
        turned = torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)
    return torch.cat([turned.to(x.dtype), rest], dim=-1)
