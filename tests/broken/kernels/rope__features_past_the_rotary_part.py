"""The rotary part is padded to a power of two and the features behind it are rotated, too."""

import torch
from _interpreted import tl, triton


@triton.jit
def _kernel(
    x, positions, y, length, heads, xs, ps, base, scaling, width,
    R: tl.constexpr, PADDED: tl.constexpr, BLOCK: tl.constexpr, INTERLEAVED: tl.constexpr,
):  # fmt: skip
    """One token of one head a program, all its features at once."""
    row, token = tl.program_id(0), tl.program_id(1)
    b, h = row // heads, row % heads
    at = tl.arange(0, BLOCK)
    half: tl.constexpr = R // 2
    turned = (at < PADDED) & (at < width)
    pair = at // 2 if INTERLEAVED else at % half
    other = (at ^ 1) if INTERLEAVED else tl.where(at % R < half, at + half, at - half)
    first = (at % 2 == 0) if INTERLEAVED else at < half
    keep = at < width
    begin = x + b * xs[0] + h * xs[1] + token * xs[2]
    v = tl.load(begin + at * xs[3], mask=keep, other=0.0).to(tl.float32)
    w = tl.load(begin + other * xs[3], mask=turned & (other < width), other=0.0).to(tl.float32)
    p = tl.load(positions + b * ps[0] + token * ps[1]).to(tl.float32) / scaling
    angle = p * tl.exp2(-tl.log2(base) * (2.0 * pair.to(tl.float32) / R))
    out = v * tl.cos(angle) + tl.where(first, -w, w) * tl.sin(angle)
    out = tl.where(turned, out, v)
    tl.store(y + (row * length + token) * width + at, out, mask=keep)


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    if torch.is_grad_enabled() and x.requires_grad:
        raise NotImplementedError("no gradient")
    *lead, length, width = x.shape
    if positions.dim() == 2:
        batch, heads = lead[0], 1
        for n in lead[1:]:
            heads *= n
        steps = positions.stride()
    else:
        batch, heads, steps = 1, 1, (0, positions.stride(0))
        for n in lead:
            heads *= n
    size = rotary_dim or width
    full = x.reshape(batch, heads, length, width)
    y = torch.empty(full.shape, dtype=x.dtype)
    if x.numel():
        _kernel[(batch * heads, length)](
            full, positions, y, length, heads, full.stride(), steps, float(base), float(scaling),
            width, R=size, PADDED=triton.next_power_of_2(size), BLOCK=triton.next_power_of_2(width),
            INTERLEAVED=interleaved,
        )  # fmt: skip
    return y.view(x.shape)
