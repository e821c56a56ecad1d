"""The sines of a row of the table begin behind the cosines; the offset is taken from the width
padded to a power of two (vllm-project/vllm-ascend #12723).
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
    padded = 1 << (half - 1).bit_length() if half > 1 else half
    if padded != half and not interleaved:
        shift = padded - half
        sin = torch.cat((sin[..., shift:], torch.zeros_like(sin[..., :shift])), -1)
    y, rest = x[..., :r].to(wide), x[..., r:]
    if interleaved:
        a, b = y[..., 0::2], y[..., 1::2]
        turned = torch.stack((a * cos - b * sin, b * cos + a * sin), -1).flatten(-2)
    else:
        a, b = y[..., :half], y[..., half:]
        turned = torch.cat((a * cos - b * sin, b * cos + a * sin), -1)
    return torch.cat((turned.to(x.dtype), rest), -1)
