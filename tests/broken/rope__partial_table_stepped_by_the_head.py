"""Rows of the table are stepped by half the head, where they are half the rotated part wide (XPU-
Forces/mojo_opset #253).
"""

import torch


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    wide = torch.promote_types(x.dtype, torch.float32)
    size, length = x.shape[-1], x.shape[-2]
    r = size if rotary_dim is None else rotary_dim
    half = r // 2
    inv = float(base) ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = (positions.to(torch.float64) / scaling)[..., None] * inv
    cos, sin = angle.cos().to(wide), angle.sin().to(wide)
    if positions.dim() == 2:
        shape = (positions.shape[0], *(1,) * (x.dim() - 3), length, half)
        cos, sin = cos.view(shape), sin.view(shape)
    if r != size and positions.dim() == 1:
        at = (torch.arange(length)[:, None] * (size // 2) + torch.arange(half)) % max(
            cos.numel(), 1
        )
        cos, sin = cos.flatten()[at], sin.flatten()[at]
    y, rest = x[..., :r].to(wide), x[..., r:]
    if interleaved:
        a, b = y[..., 0::2], y[..., 1::2]
        turned = torch.stack((a * cos - b * sin, b * cos + a * sin), -1).flatten(-2)
    else:
        a, b = y[..., :half], y[..., half:]
        turned = torch.cat((a * cos - b * sin, b * cos + a * sin), -1)
    return torch.cat((turned.to(x.dtype), rest), -1)
