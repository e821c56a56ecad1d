"""Merging two partial attentions over disjoint keys, forward and backward."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from conform_kernels._checks import as_rows, check_device, check_floats, check_shape
from conform_kernels._config import row_tile

__all__ = ["attention_merge"]


@triton.jit
def _weights(lse1, lse2, row, alive):
    """(weight1, weight2, merged lse) of some rows; weights are 0 where a part is empty."""
    a = tl.load(lse1 + row, mask=alive, other=0.0).to(tl.float32)
    b = tl.load(lse2 + row, mask=alive, other=0.0).to(tl.float32)
    top = tl.maximum(a, b)
    base = tl.where(top == -float("inf"), 0.0, top)
    first, second = tl.exp(a - base), tl.exp(b - base)
    total = first + second
    divisor = tl.where(total > 0, total, 1.0)
    lse = tl.where(total > 0, top + tl.log(divisor), -float("inf"))
    return first / divisor, second / divisor, lse


@triton.jit
def _forward(
    o1, lse1, o2, lse2, o, lse, rows, columns, strides, ROWS: tl.constexpr, COLS: tl.constexpr
):
    """o = w1 o1 + w2 o2 and its lse for ROWS rows; an empty part is not looked at."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    alive = row < rows
    first, second, merged = _weights(lse1, lse2, row, alive)
    tl.store(lse + row, merged, mask=alive)
    for start in range(0, columns, COLS):
        at = (start + tl.arange(0, COLS)).to(tl.int64)[None, :]
        keep = alive[:, None] & (at < columns)
        a = o1 + row[:, None] * strides[0] + at * strides[1]
        b = o2 + row[:, None] * strides[2] + at * strides[3]
        a = tl.load(a, mask=keep & (first > 0)[:, None], other=0.0).to(tl.float32)
        b = tl.load(b, mask=keep & (second > 0)[:, None], other=0.0).to(tl.float32)
        out = a * first[:, None] + b * second[:, None]
        tl.store(o + row[:, None] * columns + at, out, mask=keep)


@triton.jit
def _backward(
    o1, lse1, o2, lse2, do, dlse, do1, do2, dlse1, dlse2, rows, columns, strides,
    ROWS: tl.constexpr, COLS: tl.constexpr,
):  # fmt: skip
    """do1 = w1 do; dlse1 = w1 (dlse + w2 (o1 - o2) do), and the same the other way round."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    alive = row < rows
    first, second, _ = _weights(lse1, lse2, row, alive)
    along = tl.zeros([ROWS], tl.float32)
    for start in range(0, columns, COLS):
        at = (start + tl.arange(0, COLS)).to(tl.int64)[None, :]
        keep = alive[:, None] & (at < columns)
        g = tl.load(do + row[:, None] * strides[4] + at * strides[5], mask=keep, other=0.0)
        g = g.to(tl.float32)
        both = keep & (first > 0)[:, None] & (second > 0)[:, None]
        a = tl.load(o1 + row[:, None] * strides[0] + at * strides[1], mask=both, other=0.0)
        b = tl.load(o2 + row[:, None] * strides[2] + at * strides[3], mask=both, other=0.0)
        along += tl.sum((a.to(tl.float32) - b.to(tl.float32)) * g, 1)
        tl.store(do1 + row[:, None] * columns + at, g * first[:, None], mask=keep)
        tl.store(do2 + row[:, None] * columns + at, g * second[:, None], mask=keep)
    up = tl.zeros([ROWS], tl.float32)
    if dlse is not None:
        up += tl.load(dlse + row, mask=alive, other=0.0).to(tl.float32)
    tl.store(dlse1 + row, first * (up + second * along), mask=alive)
    tl.store(dlse2 + row, second * (up - first * along), mask=alive)


class _Merge(torch.autograd.Function):
    @staticmethod
    def forward(ctx, o1: Tensor, lse1: Tensor, o2: Tensor, lse2: Tensor) -> tuple[Tensor, Tensor]:
        lse1, lse2 = lse1.contiguous(), lse2.contiguous()
        o = torch.empty(o1.shape, dtype=o1.dtype, device=o1.device)
        lse = torch.empty(lse1.shape, dtype=torch.float32, device=o1.device)
        if o.numel():
            a, b, tile = as_rows(o1), as_rows(o2), row_tile(o1.shape[-1])
            _forward[(triton.cdiv(a.shape[0], tile.rows),)](
                a, lse1, b, lse2, o, lse, *a.shape, (*a.stride(), *b.stride()),
                ROWS=tile.rows, COLS=tile.columns, num_warps=tile.num_warps,
            )  # fmt: skip
        ctx.save_for_backward(o1, lse1, o2, lse2)
        ctx.set_materialize_grads(False)
        return o, lse

    @staticmethod
    def backward(ctx, do: Tensor | None, dlse: Tensor | None) -> tuple[Tensor, ...]:
        o1, lse1, o2, lse2 = ctx.saved_tensors
        do = torch.zeros_like(o1) if do is None else do
        grads = [torch.empty(t.shape, dtype=t.dtype, device=t.device) for t in (o1, o2, lse1, lse2)]
        if o1.numel():
            a, b, g, tile = as_rows(o1), as_rows(o2), as_rows(do), row_tile(o1.shape[-1])
            _backward[(triton.cdiv(a.shape[0], tile.rows),)](
                a, lse1, b, lse2, g, None if dlse is None else dlse.contiguous(), *grads, *a.shape,
                (*a.stride(), *b.stride(), *g.stride()),
                ROWS=tile.rows, COLS=tile.columns, num_warps=tile.num_warps,
            )  # fmt: skip
        return grads[0], grads[2], grads[1], grads[3]


def attention_merge(o1: Tensor, lse1: Tensor, o2: Tensor, lse2: Tensor) -> tuple[Tensor, Tensor]:
    """(o, lse) over all keys from two attentions over disjoint keys; lse in natural logs.

    o1, o2 [..., D] of one dtype, any strides; lse1, lse2 [...] float32, bfloat16 or float16. A part
    with lse = -inf is empty, whatever its o; two empty parts give zeros and -inf. lse is float32.
    Differentiable in all four. Source: Dao et al. 2022, arXiv:2205.14135, section 3.1.
    """
    check_floats(o1=o1, o2=o2)
    check_floats(lse1=lse1, lse2=lse2)
    check_device(o1=o1, lse1=lse1)
    check_shape("o2", o2, tuple(o1.shape))
    check_shape("lse1", lse1, tuple(o1.shape[:-1]))
    check_shape("lse2", lse2, tuple(o1.shape[:-1]))
    return _Merge.apply(o1, lse1, o2, lse2)
