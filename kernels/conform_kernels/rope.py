"""Rotary position embedding, both pairings, forward and backward."""

from __future__ import annotations

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

from conform_kernels._checks import check_floats, check_integers
from conform_kernels._config import rope_tile

__all__ = ["rope"]


@triton.jit
def _rotate(
    x, y, positions, heads, length, strides, log2_base, scaling, sign,
    ROTARY: tl.constexpr, WIDTH: tl.constexpr, INTERLEAVED: tl.constexpr,
    PAIRS: tl.constexpr, REST: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Rotate the pairs of BLOCK positions of one head by sign * position / scaling * frequency.

    `strides` are x's four, then those of the positions (batch, length). y is contiguous. cos and
    sin are float32; the angles' exponents are taken to base 2.
    """
    batch = tl.program_id(0).to(tl.int64) // heads
    head = tl.program_id(0).to(tl.int64) % heads
    at = tl.program_id(1).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    here = at < length
    where = tl.load(positions + batch * strides[4] + at * strides[5], mask=here, other=0)
    pair = tl.arange(0, PAIRS).to(tl.int64)
    frequency = tl.exp2(pair.to(tl.float32) * (-2.0 / ROTARY) * log2_base)
    angle = (where.to(tl.float32) / scaling)[:, None] * frequency[None, :]
    cos, sin = tl.cos(angle), tl.sin(angle) * sign
    x += batch * strides[0] + head * strides[1] + at[:, None] * strides[2]
    y += (tl.program_id(0).to(tl.int64) * length + at[:, None]) * WIDTH
    keep = here[:, None] & (pair < ROTARY // 2)[None, :]
    if INTERLEAVED:
        first, second = 2 * pair, 2 * pair + 1
    else:
        first, second = pair, pair + ROTARY // 2
    a = tl.load(x + first[None, :] * strides[3], mask=keep, other=0.0).to(tl.float32)
    b = tl.load(x + second[None, :] * strides[3], mask=keep, other=0.0).to(tl.float32)
    tl.store(y + first[None, :], a * cos - b * sin, mask=keep)
    tl.store(y + second[None, :], a * sin + b * cos, mask=keep)
    if ROTARY < WIDTH:
        rest = ROTARY + tl.arange(0, REST).to(tl.int64)
        keep = here[:, None] & (rest < WIDTH)[None, :]
        tl.store(y + rest[None, :], tl.load(x + rest[None, :] * strides[3], mask=keep), mask=keep)


def _launch(
    x: Tensor,
    positions: Tensor,
    base: float,
    scaling: float,
    interleaved: bool,
    rotary: int,
    sign: float,
) -> Tensor:
    """x[B, H, L, D] rotated, as a contiguous tensor."""
    batch, heads, length, width = x.shape
    y = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    if not x.numel():
        return y
    tile = rope_tile(rotary // 2)
    along_batch = positions.stride(0) if positions.dim() == 2 else 0
    _rotate[(batch * heads, triton.cdiv(length, tile.positions))](
        x, y, positions, heads, length, (*x.stride(), along_batch, positions.stride(-1)),
        math.log2(base), float(scaling), sign,
        ROTARY=rotary, WIDTH=width, INTERLEAVED=interleaved,
        PAIRS=triton.next_power_of_2(max(rotary // 2, 1)),
        REST=triton.next_power_of_2(max(width - rotary, 1)),
        BLOCK=tile.positions, num_warps=tile.num_warps,
    )  # fmt: skip
    return y


class _Rope(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, positions, base, scaling, interleaved, rotary):
        ctx.save_for_backward(positions)
        ctx.settings = (base, scaling, interleaved, rotary)
        return _launch(x, positions, *ctx.settings, 1.0)

    @staticmethod
    def backward(ctx, dy):
        (positions,) = ctx.saved_tensors
        return _launch(dy, positions, *ctx.settings, -1.0), None, None, None, None, None


def rope(
    x: Tensor,
    positions: Tensor,
    *,
    base: float = 10000.0,
    scaling: float = 1.0,
    interleaved: bool = False,
    rotary_dim: int | None = None,
) -> Tensor:
    """Rotate pair i of x by positions / scaling * base^(-2i / rotary_dim); the rest is copied.

    x[..., L, D] float32, bfloat16 or float16, any strides (of more than four dimensions: as if
    [B, -1, L, D]); positions int[L] or int[B, L]. Pairs are (i, i + rotary_dim / 2), interleaved
    (2i, 2i + 1). Angles in float32. Source: Su et al. 2021, arXiv:2104.09864; position
    interpolation: Chen et al. 2023, arXiv:2306.15595.
    """
    check_floats(x=x)
    check_integers(positions=positions)
    if x.dim() < 2 or positions.device != x.device:
        raise ValueError(f"x.shape={tuple(x.shape)}, positions.device={positions.device}; expected "
                         f"x[..., L, D] and positions on {x.device}")  # fmt: skip
    rotary = x.shape[-1] if rotary_dim is None else rotary_dim
    if rotary % 2 or not 0 < rotary <= x.shape[-1]:
        raise ValueError(f"rotary_dim={rotary}; expected an even number from 2 to {x.shape[-1]}")
    if base <= 0 or scaling <= 0:
        raise ValueError(f"base={base}, scaling={scaling}; expected positive numbers")
    lead = (x.shape[0],) if positions.dim() == 2 and x.dim() > 2 else ()
    if tuple(positions.shape) != (*lead, x.shape[-2]):
        raise ValueError(f"positions.shape={tuple(positions.shape)}; expected (L,) or (B, L) with "
                         f"L={x.shape[-2]}")  # fmt: skip
    shape = x.shape if x.dim() == 4 else (x.shape[0] if x.dim() > 2 else 1, -1, *x.shape[-2:])
    return _Rope.apply(x.reshape(shape), positions, base, scaling, interleaved, rotary).reshape(
        x.shape
    )
