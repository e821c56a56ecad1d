"""Rotary embedding by explicit rotation matrices, one [D, D] matrix a position."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def rotations(positions, width, pairs, base, wide):
    """[..., L, width, width], the product of planar rotations at the positions."""
    frequency = torch.tensor([base ** (-2 * n / width) for n in range(width // 2)], dtype=wide)
    angle = positions.to(wide)[..., None] * frequency
    first, second = pairs
    matrix = torch.zeros(*angle.shape[:-1], width, width, dtype=wide)
    matrix[..., first, first] = matrix[..., second, second] = angle.cos()
    matrix[..., first, second] = -angle.sin()
    matrix[..., second, first] = angle.sin()
    return matrix


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    wide = torch.promote_types(x.dtype, torch.float32)
    width = rotary_dim or x.shape[-1]
    if width % 2:
        raise ValueError(f"rotary_dim={width}, expected an even number")
    index = torch.arange(width)
    pairs = (index[0::2], index[1::2]) if interleaved else index.chunk(2)
    matrix = rotations(positions.to(wide) / scaling, width, pairs, base, wide)
    if positions.dim() == 2:
        for _ in range(x.dim() - 3):
            matrix = matrix.unsqueeze(1)
    turned = (matrix @ x[..., :width, None].to(wide)).squeeze(-1)
    return torch.cat([turned.to(x.dtype), x[..., width:]], dim=-1)
