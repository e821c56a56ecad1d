"""Half-split rotation with rotate_half; interleaved input is permuted there and back."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def rotate_half(x):
    a, b = x.chunk(2, dim=-1)
    return torch.cat([-b, a], dim=-1)


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False):
    wide = torch.promote_types(x.dtype, torch.float32)
    d = x.shape[-1]
    if d % 2:
        raise ValueError(f"head size {d}, expected an even number")
    inverse = 1.0 / base ** (torch.arange(0, d, 2).to(wide) / d)
    angle = torch.einsum("...l,f->...lf", positions.to(wide) / scaling, inverse)
    if positions.dim() == 2:
        angle = angle[(slice(None),) + (None,) * (x.dim() - 3)]
    angle = torch.cat([angle, angle], dim=-1)
    order = torch.cat([torch.arange(0, d, 2), torch.arange(1, d, 2)])
    y = x.to(wide)[..., order] if interleaved else x.to(wide)
    y = y * angle.cos() + rotate_half(y) * angle.sin()
    return (y[..., torch.argsort(order)] if interleaved else y).to(x.dtype)
