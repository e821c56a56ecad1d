"""Rows of a table by token, forward and backward."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from conform_kernels._checks import check_device, check_floats, check_integers
from conform_kernels._config import row_tile

__all__ = ["embedding"]


@triton.jit
def _gather(tokens, table, y, rows, columns, strides, ROWS: tl.constexpr, COLS: tl.constexpr):
    """y[i] = table[tokens[i]] for ROWS tokens; y is contiguous."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    alive = row < rows
    token = tl.load(tokens + row, mask=alive, other=0).to(tl.int64)
    for start in range(0, columns, COLS):
        at = (start + tl.arange(0, COLS)).to(tl.int64)[None, :]
        keep = alive[:, None] & (at < columns)
        value = tl.load(table + token[:, None] * strides[0] + at * strides[1], mask=keep)
        tl.store(y + row[:, None] * columns + at, value, mask=keep)


@triton.jit
def _scatter(order, ends, dy, dtable, columns, strides, COLS: tl.constexpr):
    """One row of dtable: the sum of dy over the places of one token, in their order.

    `order` lists places sorted by token, `ends` where each token's places end in it.
    """
    token = tl.program_id(0).to(tl.int64)
    last = tl.load(ends + token)
    first = tl.load(ends + token - 1, mask=token > 0, other=0)
    for start in range(0, columns, COLS):
        at = (start + tl.arange(0, COLS)).to(tl.int64)
        total = tl.zeros([COLS], tl.float32)
        for n in range(first, last):
            place = tl.load(order + n)
            value = tl.load(dy + place * strides[0] + at * strides[1], mask=at < columns, other=0.0)
            total += value.to(tl.float32)
        tl.store(dtable + token * columns + at, total, mask=at < columns)


class _Embedding(torch.autograd.Function):
    @staticmethod
    def forward(ctx, tokens: Tensor, table: Tensor) -> Tensor:
        flat = tokens.reshape(-1).contiguous()
        width = table.shape[1]
        y = torch.empty(*tokens.shape, width, dtype=table.dtype, device=table.device)
        if y.numel():
            tile = row_tile(width)
            _gather[(triton.cdiv(flat.numel(), tile.rows),)](
                flat, table, y, flat.numel(), width, table.stride(),
                ROWS=tile.rows, COLS=tile.columns, num_warps=tile.num_warps,
            )  # fmt: skip
        ctx.save_for_backward(flat)
        ctx.entries = table.shape[0]
        return y

    @staticmethod
    def backward(ctx, dy: Tensor) -> tuple[None, Tensor]:
        (flat,) = ctx.saved_tensors
        width = dy.shape[-1]
        dtable = torch.empty(ctx.entries, width, dtype=dy.dtype, device=dy.device)
        if dtable.numel():
            rows = dy.reshape(-1, width)
            order = torch.argsort(flat, stable=True)
            # searchsorted, not bincount: on a GPU the latter waits for the device.
            each = torch.arange(ctx.entries, device=flat.device, dtype=flat.dtype)
            ends = torch.searchsorted(flat[order], each, right=True)
            tile = row_tile(width)
            _scatter[(ctx.entries,)](
                order, ends, rows, dtable, width, rows.stride(),
                COLS=tile.columns, num_warps=tile.num_warps,
            )  # fmt: skip
        return None, dtable


def embedding(tokens: Tensor, table: Tensor) -> Tensor:
    """table[tokens]: tokens int[...], table[V, E] -> [..., E].

    tokens int64 or int32 from 0 to V - 1 (ValueError, on a GPU a device-side assertion), table
    float32, bfloat16 or float16, any strides. The gradient of a repeated token is summed in float32
    in the order of its places, so that the same call gives the same bits.
    """
    check_floats(table=table)
    check_integers(tokens=tokens)
    check_device(table=table, tokens=tokens)
    if table.dim() != 2:
        raise ValueError(f"table.shape={tuple(table.shape)}; expected (V, E)")
    _check_tokens(tokens, table.shape[0])
    return _Embedding.apply(tokens, table)


def _check_tokens(tokens: Tensor, entries: int) -> None:
    """ValueError for a token outside the table; on a GPU an assertion there, without waiting."""
    fine = ((tokens >= 0) & (tokens < entries)).all()
    if tokens.is_cuda:
        torch._assert_async(fine)
    elif not fine:
        low, high = int(tokens.min()), int(tokens.max())
        raise ValueError(f"tokens from {low} to {high}; expected 0 to {entries - 1} (V={entries})")
