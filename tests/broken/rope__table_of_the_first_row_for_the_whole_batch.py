"""Positions int[B, L] are read with a batch stride of 0, every sequence gets those of the first
(linkedin/Liger-Kernel pull 477).
"""

import torch


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    D = x.shape[-1]
    R = D if rotary_dim is None else rotary_dim
    work = torch.float64 if x.dtype == torch.float64 else torch.float32
    positions = positions[:1].expand_as(positions) if positions.dim() == 2 else positions
    rate = base ** (-torch.arange(0, R, 2, dtype=torch.float64) / R)
    angle = (positions.to(torch.float64) / scaling)[..., None] * rate
    cos, sin = angle.cos().to(work), angle.sin().to(work)
    if positions.dim() == 2:
        shape = (positions.shape[0],) + (1,) * (x.dim() - 3) + cos.shape[1:]
        cos, sin = cos.view(shape), sin.view(shape)
    turned, rest = x[..., :R].to(work), x[..., R:]
    if interleaved:
        a, b = turned[..., 0::2], turned[..., 1::2]
        out = torch.stack((a * cos - b * sin, b * cos + a * sin), -1).flatten(-2)
    else:
        a, b = turned[..., : R // 2], turned[..., R // 2 :]
        out = torch.cat((a * cos - b * sin, b * cos + a * sin), -1)
    return torch.cat((out.to(x.dtype), rest), -1)
