"""Matrix products by group: rows sorted by expert, each expert's rows times its own matrix.

How many rows an expert has is known on the device alone: the grid has room for the most tiles there
can be, each program finds its expert in the offsets, and those left over end at once.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from conform_kernels._config import ROW_TILES_TOGETHER, grouped_tile, row_tile
from conform_kernels._dispatch import Groups


@triton.jit
def _find(offsets, tile, experts, ROWS: tl.constexpr, EXPERTS: tl.constexpr):
    """(expert, first row, end) of a tile of rows; the expert is `experts` or more beyond the last.

    No tile holds rows of two experts: each expert's last one may be part empty.
    """
    n = tl.arange(0, EXPERTS)
    first = tl.load(offsets + n, mask=n < experts, other=0)
    end = tl.load(offsets + n + 1, mask=n < experts, other=0)
    tiles = (end - first + ROWS - 1) // ROWS
    expert = tl.sum((tl.cumsum(tiles, 0) <= tile).to(tl.int32), 0)
    mine = n == expert
    before = tl.sum(tl.where(n < expert, tiles, 0), 0)
    start = tl.sum(tl.where(mine, first, 0), 0) + (tile - before) * ROWS
    return expert, start, tl.sum(tl.where(mine, end, 0), 0)


@triton.jit
def grouped_kernel(
    a, order, w, out, hidden, gates, partial, offsets, sizes, strides,
    ROWS: tl.constexpr, COLS: tl.constexpr, INNER: tl.constexpr, EXPERTS: tl.constexpr,
    TOGETHER: tl.constexpr, RELU: tl.constexpr,
):  # fmt: skip
    """out[row] = a[source of row] w[expert of row], for a tile of rows and columns.

    sizes = (row tiles, experts, inner, columns, ranks); strides = those of a (2) and w (3). The
    source is order[row] // ranks, or the row itself where order is None. RELU: negative results
    become zero. With hidden (what RELU gave, contiguous like out) it is the way back through gate
    and RELU: partial[row, column tile] = sum of out hidden, the gate's gradient, and
    out *= gates[order[row]] where hidden > 0, zero elsewhere.
    """
    row_tiles, experts, inner, columns = sizes[0], sizes[1], sizes[2], sizes[3]
    column_tiles = tl.cdiv(columns, COLS)
    # Programs that run together share both rows and columns.
    pack = tl.program_id(0) // (TOGETHER * column_tiles)
    within = tl.program_id(0) % (TOGETHER * column_tiles)
    tall = tl.minimum(row_tiles - pack * TOGETHER, TOGETHER)
    tile, column = pack * TOGETHER + within % tall, within // tall
    expert, first, end = _find(offsets, tile, experts, ROWS, EXPERTS)
    if expert >= experts:
        return
    row = (first + tl.arange(0, ROWS)).to(tl.int64)
    col = column.to(tl.int64) * COLS + tl.arange(0, COLS)
    alive, real = row < end, col < columns
    source = row
    if order is not None:
        source = tl.load(order + row, mask=alive, other=0)
    if hidden is not None:
        gate = tl.load(gates + source, mask=alive, other=0.0)
    if order is not None:
        source = source // sizes[4]
    w += expert.to(tl.int64) * strides[1][0]
    acc = tl.zeros([ROWS, COLS], tl.float32)
    for start in range(0, inner, INNER):
        at = start + tl.arange(0, INNER).to(tl.int64)
        inside = at < inner
        where = a + source[:, None] * strides[0][0] + at[None, :] * strides[0][1]
        x = tl.load(where, mask=alive[:, None] & inside[None, :], other=0.0)
        where = w + at[:, None] * strides[1][1] + col[None, :] * strides[1][2]
        y = tl.load(where, mask=inside[:, None] & real[None, :], other=0.0)
        acc = tl.dot(x, y, acc, input_precision="ieee")
    keep = alive[:, None] & real[None, :]
    where = row[:, None] * columns + col[None, :]
    if RELU:
        acc = tl.where(acc < 0, 0.0, acc)
    if hidden is not None:
        h = tl.load(hidden + where, mask=keep, other=0.0).to(tl.float32)
        tl.store(partial + row * column_tiles + column, tl.sum(acc * h, 1), mask=alive)
        acc = tl.where(h > 0, acc * gate[:, None], 0.0)
    tl.store(out + where, acc, mask=keep)


@triton.jit
def weight_gradient_kernel(
    a, order_a, b, order_b, gates, out, offsets, sizes, strides,
    ROWS: tl.constexpr, COLS: tl.constexpr, INNER: tl.constexpr,
):  # fmt: skip
    """out[expert] = sum over the expert's rows of a[source]^T b[source] (times gates of order_b).

    sizes = (rows of out, columns, ranks); strides = those of a and b (2 each). Sources as in
    grouped_kernel, with an order of its own or None; b is rounded again after gates, as eager
    PyTorch does. out[experts, rows, columns] is contiguous; an expert without rows gets zeros.
    """
    tiles = tl.cdiv(sizes[1], COLS)
    per_expert = tl.cdiv(sizes[0], ROWS) * tiles
    expert = (tl.program_id(0) // per_expert).to(tl.int64)
    tile = tl.program_id(0) % per_expert
    i = (tile // tiles).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    j = (tile % tiles).to(tl.int64) * COLS + tl.arange(0, COLS)
    end = tl.load(offsets + expert + 1)
    acc = tl.zeros([ROWS, COLS], tl.float32)
    for start in range(tl.load(offsets + expert), end, INNER):
        row = (start + tl.arange(0, INNER)).to(tl.int64)
        alive = row < end
        source_a, source_b = row, row
        if order_a is not None:
            source_a = tl.load(order_a + row, mask=alive, other=0) // sizes[2]
        where = a + source_a[None, :] * strides[0][0] + i[:, None] * strides[0][1]
        x = tl.load(where, mask=(i < sizes[0])[:, None] & alive[None, :], other=0.0)
        if order_b is not None:
            assignment = tl.load(order_b + row, mask=alive, other=0)
            source_b = assignment // sizes[2]
        where = b + source_b[:, None] * strides[1][0] + j[None, :] * strides[1][1]
        y = tl.load(where, mask=alive[:, None] & (j < sizes[1])[None, :], other=0.0)
        if gates is not None:
            gate = tl.load(gates + assignment, mask=alive, other=0.0)
            y = (y.to(tl.float32) * gate[:, None]).to(b.dtype.element_ty)
        acc = tl.dot(x, y, acc, input_precision="ieee")
    where = out + (expert * sizes[0] + i[:, None]) * sizes[1] + j[None, :]
    tl.store(where, acc, mask=(i < sizes[0])[:, None] & (j < sizes[1])[None, :])


@triton.jit
def combine_kernel(out, slots, gates, more, y, sizes, ROWS: tl.constexpr, COLS: tl.constexpr):
    """y[token] = more[token] + sum over its ranks of gates out[slot], in order; dropped ones: none.

    sizes = (tokens, ranks, columns). All contiguous; gates None: 1, more None: 0.
    """
    tiles = tl.cdiv(sizes[2], COLS)
    token = (tl.program_id(0) // tiles).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    col = (tl.program_id(0) % tiles).to(tl.int64) * COLS + tl.arange(0, COLS)
    alive, real = token < sizes[0], col < sizes[2]
    keep = alive[:, None] & real[None, :]
    total = tl.zeros([ROWS, COLS], tl.float32)
    if more is not None:
        where = more + token[:, None] * sizes[2] + col[None, :]
        total += tl.load(where, mask=keep, other=0.0).to(tl.float32)
    for rank in range(sizes[1]):
        slot = tl.load(slots + token * sizes[1] + rank, mask=alive, other=-1)
        mine = (slot >= 0)[:, None] & real[None, :]
        v = tl.load(out + slot[:, None] * sizes[2] + col[None, :], mask=mine, other=0.0)
        v = v.to(tl.float32)
        if gates is not None:
            gate = tl.load(gates + token * sizes[1] + rank, mask=alive, other=0.0)
            # A dropped expert adds nothing, also where its gate is NaN.
            v = tl.where(mine, v * gate[:, None], 0.0)
        total += v
    tl.store(y + token[:, None] * sizes[2] + col[None, :], total, mask=keep)


def grouped(
    a: Tensor, w: Tensor, groups: Groups, *, gathered: bool, relu: bool = False,
    back: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """Each row of the groups times its expert's w[N, K, M] -> [rows, M]; rows not in use are unset.

    `gathered`: a[T, K] is by token, else a[rows, K] by row. back = (hidden[rows, M], gates[T, k]):
    the gradient behind gate and ReLU, and as second result parts of that of the gates, float32
    [rows, parts], to be added up.
    """
    inner, columns = w.shape[1], w.shape[2]
    out = torch.empty(groups.rows, columns, dtype=a.dtype, device=a.device)
    experts = groups.offsets.numel() - 1
    tile = grouped_tile(groups.rows, experts, a.element_size())
    # Each expert with rows may leave one tile part empty.
    row_tiles = groups.rows // tile.rows + min(experts, groups.rows)
    column_tiles = triton.cdiv(columns, tile.columns)
    partial = None
    if back is not None:
        shape = (groups.rows, column_tiles)
        partial = torch.empty(shape, dtype=torch.float32, device=a.device)
    hidden, gates = (None, None) if back is None else back
    if out.numel():
        grouped_kernel[(row_tiles * column_tiles,)](
            a, groups.order if gathered else None, w, out, hidden, gates, partial, groups.offsets,
            (row_tiles, experts, inner, columns, groups.slots.shape[1]), (a.stride(), w.stride()),
            ROWS=tile.rows, COLS=tile.columns, INNER=tile.inner,
            EXPERTS=triton.next_power_of_2(experts), TOGETHER=ROW_TILES_TOGETHER, RELU=relu,
            num_warps=tile.num_warps, num_stages=tile.num_stages,
        )  # fmt: skip
    return out, partial


def weight_gradient(
    a: Tensor, b: Tensor, groups: Groups, *, gathered: str, gates: Tensor | None = None
) -> Tensor:
    """Sums of a^T b over each expert's rows: a[.., K], b[.., M] -> [N, K, M].

    `gathered` says which of "a" and "b" is by token, the other is by row; gates[T, k] multiply b.
    """
    experts, rows, columns = groups.offsets.numel() - 1, a.shape[1], b.shape[1]
    out = torch.empty(experts, rows, columns, dtype=a.dtype, device=a.device)
    if out.numel():
        # A weight's tile is as large as memory allows, however few tokens an expert has.
        tile = grouped_tile(1 << 20, 1, a.element_size())
        each = triton.cdiv(rows, tile.rows) * triton.cdiv(columns, tile.columns)
        weight_gradient_kernel[(experts * each,)](
            a, groups.order if gathered == "a" else None,
            b, groups.order if gathered == "b" else None, gates, out, groups.offsets,
            (rows, columns, groups.slots.shape[1]), (a.stride(), b.stride()),
            ROWS=tile.rows, COLS=tile.columns, INNER=tile.inner,
            num_warps=tile.num_warps, num_stages=tile.num_stages,
        )  # fmt: skip
    return out


def combine(out: Tensor, groups: Groups, gates: Tensor | None, more: Tensor | None) -> Tensor:
    """more[T, M] plus each token's rows of out[rows, M], times gates[T, k] -> [T, M]."""
    tokens, ranks = groups.slots.shape
    y = torch.empty(tokens, out.shape[1], dtype=out.dtype, device=out.device)
    if y.numel():
        tile = row_tile(out.shape[1])
        columns = triton.cdiv(out.shape[1], tile.columns)
        combine_kernel[(triton.cdiv(tokens, tile.rows) * columns,)](
            out, groups.slots, gates, more, y, (tokens, ranks, out.shape[1]),
            ROWS=tile.rows, COLS=tile.columns, num_warps=tile.num_warps,
        )  # fmt: skip
    return y
