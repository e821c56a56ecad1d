"""Softmax over the last dimension, forward and backward."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from conform_kernels._checks import as_rows, check_floats
from conform_kernels._config import row_tile

__all__ = ["softmax"]


@triton.jit
def _forward(
    x, y, rows, columns, strides, ROWS: tl.constexpr, COLS: tl.constexpr, WHOLE: tl.constexpr
):
    """y = exp(x - max) / sum for ROWS rows; rows that fit a tile are read once, others twice."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    col = tl.arange(0, COLS).to(tl.int64)
    x += row[:, None] * strides[0]
    y += row[:, None] * columns
    alive = (row < rows)[:, None]
    if WHOLE:
        keep = alive & (col < columns)[None, :]
        v = tl.load(x + col[None, :] * strides[1], mask=keep, other=-float("inf")).to(tl.float32)
        e = tl.exp(v - tl.max(v, 1)[:, None])
        e = tl.where(keep, e, 0.0)
        tl.store(y + col[None, :], e / tl.sum(e, 1)[:, None], mask=keep)
    else:
        top = tl.full([ROWS], -float("inf"), tl.float32)
        total = tl.zeros([ROWS], tl.float32)
        for start in range(0, columns, COLS):
            at = (start + col)[None, :]
            keep = alive & (at < columns)
            v = tl.load(x + at * strides[1], mask=keep, other=-float("inf")).to(tl.float32)
            new = tl.maximum(top, tl.max(v, 1))
            # A row whose values are all -inf so far has no finite maximum to subtract.
            base = tl.where(new == -float("inf"), 0.0, new)
            total = total * tl.exp(top - base) + tl.sum(tl.exp(v - base[:, None]), 1)
            top = new
        for start in range(0, columns, COLS):
            at = (start + col)[None, :]
            keep = alive & (at < columns)
            v = tl.load(x + at * strides[1], mask=keep, other=-float("inf")).to(tl.float32)
            tl.store(y + at, tl.exp(v - top[:, None]) / total[:, None], mask=keep)


@triton.jit
def _backward(
    y, dy, dx, rows, columns, strides, ROWS: tl.constexpr, COLS: tl.constexpr, WHOLE: tl.constexpr
):
    """dx = y (dy - sum(y dy)); y and dx are contiguous, dy has `strides`; reads as `_forward`."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    col = tl.arange(0, COLS).to(tl.int64)
    alive = (row < rows)[:, None]
    here = row[:, None] * columns
    dy += row[:, None] * strides[0]
    if WHOLE:
        keep = alive & (col < columns)[None, :]
        p = tl.load(y + here + col[None, :], mask=keep, other=0.0).to(tl.float32)
        g = tl.load(dy + col[None, :] * strides[1], mask=keep, other=0.0).to(tl.float32)
        dot = tl.sum(p * g, 1)
        tl.store(dx + here + col[None, :], p * (g - dot[:, None]), mask=keep)
    else:
        dot = tl.zeros([ROWS], tl.float32)
        for start in range(0, columns, COLS):
            at = (start + col)[None, :]
            keep = alive & (at < columns)
            p = tl.load(y + here + at, mask=keep, other=0.0).to(tl.float32)
            g = tl.load(dy + at * strides[1], mask=keep, other=0.0).to(tl.float32)
            dot += tl.sum(p * g, 1)
        for start in range(0, columns, COLS):
            at = (start + col)[None, :]
            keep = alive & (at < columns)
            p = tl.load(y + here + at, mask=keep, other=0.0).to(tl.float32)
            g = tl.load(dy + at * strides[1], mask=keep, other=0.0).to(tl.float32)
            tl.store(dx + here + at, p * (g - dot[:, None]), mask=keep)


class _Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        y = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        if x.numel():
            flat, tile = as_rows(x), row_tile(x.shape[-1])
            _forward[(triton.cdiv(flat.shape[0], tile.rows),)](
                flat, y, *flat.shape, flat.stride(),
                ROWS=tile.rows, COLS=tile.columns, WHOLE=tile.whole, num_warps=tile.num_warps,
            )  # fmt: skip
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, dy: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        dx = torch.empty_like(y)
        if y.numel():
            flat, tile = as_rows(dy), row_tile(y.shape[-1])
            _backward[(triton.cdiv(flat.shape[0], tile.rows),)](
                y, flat, dx, *flat.shape, flat.stride(),
                ROWS=tile.rows, COLS=tile.columns, WHOLE=tile.whole, num_warps=tile.num_warps,
            )  # fmt: skip
        return dx


def softmax(x: Tensor) -> Tensor:
    """softmax(x)[..., n] = exp(x_n - max x) / sum_m exp(x_m - max x), computed in float32.

    x[..., N] float32, bfloat16 or float16, any strides; a row of -inf gives NaN. A row up to
    16384 wide is read once, a longer one twice; backward as well. Source: Milakov and Gimelshein
    2018, arXiv:1805.02867 (the running maximum of long rows).
    """
    check_floats(x=x)
    if x.dim() == 0:
        raise ValueError("x.dim()=0; expected at least one dimension")
    return _Softmax.apply(x)
