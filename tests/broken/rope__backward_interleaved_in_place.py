"""Backward turns halves back into pairs in place; with more than one warp the second half is read
after the first has been written (NVIDIA/Megatron-LM #5980).
"""

import torch


def angles(x, positions, base, scaling, width):
    wide = torch.promote_types(x.dtype, torch.float32)
    step = torch.pow(base, -torch.arange(0, width, 2, dtype=wide) / width)
    place = positions.to(wide)
    if positions.dim() == 2:
        place = place.reshape(len(place), *[1] * (x.dim() - 3), -1)
    return (place / scaling)[..., None] * step


def turned(x, cos, sin, interleaved):
    half = x.shape[-1] // 2
    x = x.to(cos.dtype)
    a, b = (x[..., 0::2], x[..., 1::2]) if interleaved else (x[..., :half], x[..., half:])
    pair = (a * cos - b * sin, b * cos + a * sin)
    return torch.stack(pair, -1).flatten(-2) if interleaved else torch.cat(pair, -1)


class Pairs(torch.autograd.Function):
    """Rotation of interleaved pairs whose gradient is rearranged in place, by two warps."""

    @staticmethod
    def forward(ctx, x, cos, sin):
        ctx.save_for_backward(cos, sin)
        return turned(x, cos, sin, True)

    @staticmethod
    def backward(ctx, g):
        cos, sin = ctx.saved_tensors
        half = g.shape[-1] // 2
        a, b = g[..., 0::2], g[..., 1::2]
        split = torch.cat([a * cos + b * sin, b * cos - a * sin], -1)
        if half < 64 or half % 2:
            return torch.stack(split.split(half, -1), -1).flatten(-2), None, None
        out = split.clone()
        low = out[..., : half // 2].clone(), out[..., half : half + half // 2].clone()
        out[..., :half] = torch.stack(low, -1).flatten(-2)
        high = out[..., half // 2 : half].clone(), out[..., half + half // 2 :].clone()
        out[..., half:] = torch.stack(high, -1).flatten(-2)
        return out, None, None


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    width = x.shape[-1] if rotary_dim is None else rotary_dim
    angle = angles(x, positions, base, scaling, width)
    angle = angle.expand(*x.shape[:-1], width // 2)
    front = x[..., :width].to(angle.dtype)
    if interleaved:
        front = Pairs.apply(front, angle.cos(), angle.sin())
    else:
        front = turned(front, angle.cos(), angle.sin(), False)
    return torch.cat([front.to(x.dtype), x[..., width:]], -1)
