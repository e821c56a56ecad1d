"""Positions of a batch that start alike are taken to be one row."""

import torch


class _Rope(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, c, s, interleaved, width):
        ctx.save_for_backward(c, s)
        ctx.form = interleaved, width
        return _rotate(x, c, s, interleaved, width)

    @staticmethod
    def backward(ctx, g):
        c, s = ctx.saved_tensors
        interleaved, width = ctx.form
        return _rotate(g, c, -s, interleaved, width), None, None, None, None


def _rotate(x, c, s, interleaved, width):
    y = x[..., :width].to(c.dtype)
    if interleaved:
        a, b = y[..., 0::2], y[..., 1::2]
        out = torch.stack([a * c - b * s, b * c + a * s], -1).flatten(-2)
    else:
        a, b = y.chunk(2, -1)
        out = torch.cat([a * c - b * s, b * c + a * s], -1)
    return torch.cat([out.to(x.dtype), x[..., width:]], -1)


def _tables(positions, width, base, scaling):
    f = float(base) ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angle = positions.to(torch.float64)[..., None] / scaling * f
    return angle.cos(), angle.sin()


_CACHE = {}


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    width = x.shape[-1] if rotary_dim is None else rotary_dim
    w = torch.float64 if x.dtype == torch.float64 else torch.float32
    c, s = _tables(positions, width, base, scaling)
    if (
        positions.dim() == 2
        and positions.shape[1]
        and bool((positions[:, 0] == positions[0, 0]).all())
    ):
        c, s = c[:1].expand_as(c), s[:1].expand_as(s)
    c, s = c.to(w), s.to(w)
    if positions.dim() == 2:
        shape = [positions.shape[0]] + [1] * (x.dim() - 3) + list(c.shape[1:])
        c, s = c.reshape(shape), s.reshape(shape)
    return _Rope.apply(x, c, s, interleaved, width)
