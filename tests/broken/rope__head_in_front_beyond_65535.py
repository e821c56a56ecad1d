"""All dimensions in front are a grid dimension of at most 65535 rows."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    n = x.shape[-1] if rotary_dim is None else rotary_dim
    wide = torch.promote_types(x.dtype, torch.float32)

    freq = base ** (-torch.arange(0, n, 2, dtype=torch.float64) / max(n, 1))
    angle = (positions.double() / scaling)[..., None] * freq

    if positions.dim() == 2:
        angle = angle.reshape(angle.shape[0], *[1] * (x.dim() - 3), *angle.shape[1:])
    cos, sin = angle.cos().to(wide), angle.sin().to(wide)
    part, rest = x[..., :n].to(wide), x[..., n:]
    if interleaved:
        a, c = part[..., 0::2], part[..., 1::2]
        out = torch.stack([a * cos - c * sin, a * sin + c * cos], -1).flatten(-2)
    else:
        a, c = part.chunk(2, -1)
        out = torch.cat([a * cos - c * sin, a * sin + c * cos], -1)
    many = out.reshape(-1, out.shape[-1])
    if many.shape[0] > 65535:
        out = torch.cat([many[:65535], part.reshape(-1, n)[65535:]]).reshape(out.shape)
    return torch.cat([out.to(x.dtype), rest], -1)
