"""The table is made for the distinct positions as they rise, which packed documents break."""

import torch


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    width = x.shape[-1] if rotary_dim is None else rotary_dim
    work = torch.promote_types(x.dtype, torch.float32)
    rate = base ** -(torch.arange(0, width, 2, dtype=torch.float64) / width)
    if positions.dim() == 1:
        distinct = torch.unique(positions)
        positions = distinct if len(distinct) == len(positions) else positions
    angle = (positions.double() / scaling).unsqueeze(-1) * rate
    if positions.dim() == 2:
        angle = angle.view(angle.shape[0], *([1] * (x.dim() - 3)), *angle.shape[1:])
    cos, sin = angle.cos().to(work), angle.sin().to(work)
    turned, rest = x[..., :width].to(work), x[..., width:]
    if interleaved:
        a, b = turned[..., 0::2], turned[..., 1::2]
        out = torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)
    else:
        a, b = turned.chunk(2, -1)
        out = torch.cat((a * cos - b * sin, a * sin + b * cos), -1)
    return torch.cat((out.to(x.dtype), rest), -1)
