"""The backward pass turns all sequences back by the positions of the first."""

import torch


def spin(x, cos, sin, interleaved):
    if interleaved:
        a, b = x[..., ::2], x[..., 1::2]
        return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


def tables(positions, r, base, scaling, x):
    freq = base ** (-torch.arange(0, r, 2, dtype=torch.float64) / r)
    angle = positions.double().unsqueeze(-1) / scaling * freq
    if positions.dim() == 2:
        angle = angle.view(angle.shape[0], *[1] * (x.dim() - 3), *angle.shape[1:])
    wide = torch.promote_types(x.dtype, torch.float32)
    return angle.cos().to(wide), angle.sin().to(wide)


class Turn(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, positions, base, scaling, interleaved, r):
        ctx.more = positions, base, scaling, interleaved, r
        cos, sin = tables(positions, r, base, scaling, x)
        y = spin(x[..., :r].to(cos.dtype), cos, sin, interleaved).to(x.dtype)
        return torch.cat([y, x[..., r:]], -1)

    @staticmethod
    def backward(ctx, g):
        positions, base, scaling, interleaved, r = ctx.more
        positions = positions[0] if positions.dim() == 2 else positions
        cos, sin = tables(positions, r, base, scaling, g)
        y = spin(g[..., :r].to(cos.dtype), cos, -sin, interleaved).to(g.dtype)
        return torch.cat([y, g[..., r:]], -1), None, None, None, None, None


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    r = x.shape[-1] if rotary_dim is None else rotary_dim
    return Turn.apply(x, positions, base, scaling, interleaved, r)
