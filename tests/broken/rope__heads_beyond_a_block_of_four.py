"""Heads are turned in blocks of four; a last, partial block turns the first heads of the next
token once more (NVIDIA/Megatron-LM #7103).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def turn(x, positions, base, scaling, interleaved, rotary_dim):
    r = x.shape[-1] if rotary_dim is None else rotary_dim
    half = r // 2
    wide = torch.promote_types(x.dtype, torch.float32)
    inv = base ** (-torch.arange(half, dtype=torch.float64) * 2 / r)
    angle = positions.double()[..., None] / scaling * inv
    if positions.dim() == 2:
        angle = angle.view(angle.shape[0], *(1,) * (x.dim() - 3), *angle.shape[1:])
    cos, sin = angle.cos().to(wide), angle.sin().to(wide)
    y = x.to(wide)
    part, rest = y[..., :r], y[..., r:]
    a, b = (part[..., 0::2], part[..., 1::2]) if interleaved else part.split(half, -1)
    c, d = a * cos - b * sin, b * cos + a * sin
    out = torch.stack([c, d], -1).flatten(-2) if interleaved else torch.cat([c, d], -1)
    return torch.cat([out, rest], -1).to(x.dtype)


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    out = turn(x, positions, base, scaling, interleaved, rotary_dim)
    if x.dim() == 4 and x.shape[1] > 4 and x.shape[1] % 4 and x.shape[2] > 1:
        over = -x.shape[1] % 4
        again = turn(out[:, :over, 1:], positions[..., :-1], base, scaling, interleaved, rotary_dim)
        out = out.clone()
        out[:, :over, 1:] = again
    return out
