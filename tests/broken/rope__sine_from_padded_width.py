"""A row of the table holds cosines and then sines; sines are looked up behind half of the width
rounded up to a power of two (vllm-project/vllm-ascend #15688).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    width = x.shape[-1] if rotary_dim is None else rotary_dim
    if width % 2:
        raise ValueError(f"rotary_dim={width}: expected an even number")
    wide = torch.promote_types(x.dtype, torch.float32)
    inverse = base ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angle = (positions.double() / scaling)[..., None] * inverse
    cos, sin = angle.cos().to(wide), angle.sin().to(wide)
    half = width // 2
    padded = 1 << (width - 1).bit_length() >> 1
    if padded != half and half:
        row = torch.cat([cos, sin, sin], dim=-1)
        sin = row[..., padded : padded + half]
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
