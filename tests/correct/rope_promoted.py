"""x cos + turn(x) sin with float32 tables: half precision is promoted, autograd adds two up."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    width = rotary_dim or x.shape[-1]
    wide = torch.promote_types(x.dtype, torch.float32)
    inverse = 1.0 / base ** (torch.arange(0, width, 2).to(wide) / width)
    angle = (positions.to(wide) / scaling)[..., None] * inverse
    if positions.dim() == 2:
        angle = angle.reshape(angle.shape[0], *[1] * (x.dim() - 3), *angle.shape[1:])
    part = x[..., :width]
    if interleaved:
        cos, sin = (table.repeat_interleave(2, -1) for table in (angle.cos(), angle.sin()))
        turned = torch.stack([-part[..., 1::2], part[..., 0::2]], -1).flatten(-2)
    else:
        cos, sin = (torch.cat([table, table], -1) for table in (angle.cos(), angle.sin()))
        turned = torch.cat([-part[..., width // 2 :], part[..., : width // 2]], -1)
    rotated = part * cos + turned * sin
    return torch.cat([rotated.to(x.dtype), x[..., width:]], -1)
