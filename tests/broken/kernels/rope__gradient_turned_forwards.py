"""The backward launch rotates forwards once more."""

import math

import torch
from _interpreted import tl, triton

MISTAKE = "rope.gradient-turned-forwards"


@triton.jit
def _rotate(
    x, y, positions, lead, length, width, strides, log2_base, scaling, sign,
    INTERLEAVED: tl.constexpr, PAIRS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    here = at < length
    pair = tl.arange(0, PAIRS)
    frequency = tl.exp2(-2.0 * pair.to(tl.float32) / width * log2_base)
    place = tl.load(positions + at * strides[3], mask=here, other=0).to(tl.float32) / scaling
    angle = place[:, None] * frequency[None, :]
    cos, sin = tl.cos(angle), tl.sin(angle) * sign
    if INTERLEAVED:
        first, second = 2 * pair, 2 * pair + 1
    else:
        first, second = pair, pair + width // 2
    x += tl.program_id(1) * strides[0] + at[:, None] * strides[1]
    y += (tl.program_id(1) * length + at[:, None]) * width
    keep = here[:, None] & (pair < width // 2)[None, :]
    a = tl.load(x + first[None, :] * strides[2], mask=keep, other=0.0).to(tl.float32)
    b = tl.load(x + second[None, :] * strides[2], mask=keep, other=0.0).to(tl.float32)
    tl.store(y + first[None, :], a * cos - b * sin, mask=keep)
    tl.store(y + second[None, :], a * sin + b * cos, mask=keep)


def _launch(x, positions, base, scaling, interleaved, sign):
    length, width = x.shape[-2:]
    flat = x.reshape(-1, length, width)
    y = torch.empty(x.shape, dtype=x.dtype)
    _rotate[(triton.cdiv(length, 16), flat.shape[0])](
        flat, y, positions, flat.shape[0], length, width, (*flat.stride(), positions.stride(0)),
        math.log2(base), scaling, sign,
        INTERLEAVED=interleaved, PAIRS=triton.next_power_of_2(width // 2), BLOCK=16,
    )  # fmt: skip
    return y


class _Rope(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, positions, base, scaling, interleaved):
        ctx.save_for_backward(positions)
        ctx.settings = base, scaling, interleaved
        return _launch(x, positions, *ctx.settings, 1.0)

    @staticmethod
    def backward(ctx, dy):
        (positions,) = ctx.saved_tensors
        return _launch(dy, positions, *ctx.settings, 1.0), None, None, None, None


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False):
    return _Rope.apply(x, positions, base, float(scaling), interleaved)
