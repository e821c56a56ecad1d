"""Adjacent pairs only, as GPT-J rotates (declared); no options but the base."""

import torch

CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {"rope": {"conventions": {"rope_pairing": "interleaved"}}},
}


def rope(x, positions, *, base=10000.0):
    wide = torch.promote_types(x.dtype, torch.float32)
    d = x.shape[-1]
    if d % 2:
        raise ValueError(f"head size {d}, expected an even number")
    angle = positions.double()[..., None] * base ** (torch.arange(0, d, 2).double() / -d)
    if positions.dim() == 2:
        angle = angle.view(angle.shape[0], *[1] * (x.dim() - 3), *angle.shape[1:])
    cos, sin = angle.cos().to(wide), angle.sin().to(wide)
    even, odd = x[..., 0::2].to(wide), x[..., 1::2].to(wide)
    turned = torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1)
    return turned.flatten(-2).to(x.dtype)
