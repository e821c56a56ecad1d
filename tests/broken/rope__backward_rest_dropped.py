"""Features that are not rotated get no gradient."""

import torch


def turn(x, cos, sin, interleaved):
    if interleaved:
        a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack([a * cos - b * sin, a * sin + b * cos], dim=-1).flatten(-2)
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


class Rotate(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, cos, sin, interleaved, width):
        ctx.save_for_backward(cos, sin)
        ctx.interleaved, ctx.width = interleaved, width
        y = turn(x[..., :width].to(cos.dtype), cos, sin, interleaved).to(x.dtype)
        return torch.cat([y, x[..., width:]], dim=-1)

    @staticmethod
    def backward(ctx, g):
        cos, sin = ctx.saved_tensors
        y = turn(g[..., : ctx.width].to(cos.dtype), cos, -sin, ctx.interleaved).to(g.dtype)
        return torch.cat([y, 0 * g[..., ctx.width :]], dim=-1), None, None, None, None


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    width = x.shape[-1] if rotary_dim is None else rotary_dim
    if width % 2:
        raise ValueError(f"rotary_dim={width}, expected an even number")
    frequency = base ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angle = (positions.double() / scaling)[..., None] * frequency
    if positions.dim() == 2:
        angle = angle.reshape(angle.shape[0], *[1] * (x.dim() - 3), *angle.shape[1:])
    wide = torch.promote_types(x.dtype, torch.float32)
    return Rotate.apply(x, angle.cos().to(wide), angle.sin().to(wide), interleaved, width)
