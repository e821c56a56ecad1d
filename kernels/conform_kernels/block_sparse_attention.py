"""Attention over the blocks that a mask keeps, forward and backward; other blocks are not read."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import triton
import triton.language as tl
from torch import Tensor

from conform_kernels._attention import compute_delta
from conform_kernels._attention_backward import walk_keys, walk_queries
from conform_kernels._attention_forward import finish, walk
from conform_kernels._checks import check_device, check_floats
from conform_kernels._config import (
    AttentionTile,
    backward_keys_tile,
    backward_queries_tile,
    forward_tile,
    padded_head,
)
from conform_kernels._scores import load_tile
from conform_kernels.attention import check_shapes

__all__ = ["block_sparse_attention"]


@triton.jit
def _place(block, TILE: tl.constexpr, blocks):
    """(head, block, first, end) of this program: at most TILE positions inside a block."""
    tiles = tl.cdiv(block, TILE)
    here = tl.program_id(0) % (blocks * tiles)
    head = (tl.program_id(0) // (blocks * tiles)).to(tl.int64)
    first = here // tiles * block + here % tiles * TILE
    return head, here // tiles, first, tl.minimum(first + TILE, (here // tiles + 1) * block)


@triton.jit
def _forward(
    q, k, v, kept, o, lse, heads, group, sizes, scale, strides,
    D: tl.constexpr, DV: tl.constexpr, BD: tl.constexpr, BDV: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, EDGE: tl.constexpr,
):  # fmt: skip
    """o and lse (base 2) of a tile of queries; sizes = (Lq, Lk, block), strides of q, k, v, kept.

    EDGE: tiles of KEYS do not divide blocks.
    """
    block = sizes[2]
    head, line, first, end = _place(block, QUERIES, sizes[0] // sizes[2])
    batch, h = head // heads, head % heads
    q += batch * strides[0][0] + h * strides[0][1]
    k += batch * strides[1][0] + h // group * strides[1][1]
    v += batch * strides[2][0] + h // group * strides[2][1]
    i = first + tl.arange(0, QUERIES).to(tl.int64)
    pair = (strides[0][2], strides[0][3])
    queries = load_tile(q, i, tl.arange(0, BD), end, pair, D, True, BD)
    acc = tl.zeros([QUERIES, BDV], tl.float32)
    total = tl.zeros([QUERIES], tl.float32)
    top = tl.full([QUERIES], -float("inf"), tl.float32)
    pairs = ((strides[1][2], strides[1][3]), (strides[2][2], strides[2][3]), (0, 0, 0, 0))
    for column in range(sizes[1] // block):
        lo = column * block
        hi = tl.where(
            tl.load(kept + line * strides[3][0] + column * strides[3][1]) != 0, lo + block, lo
        )
        acc, total, top = walk(
            (acc, total, top), queries, k, v, None, None, i, lo, hi, (end, hi, None), scale, None,
            pairs, D, DV, BD, BDV, KEYS, False, EDGE,
        )  # fmt: skip
    finish(acc, total, top, o, lse, head * sizes[0] + i, i < end, DV, DV, BDV)


@triton.jit
def _backward_queries(
    q, k, v, kept, do, lse, delta, dq, heads, group, sizes, scale, strides,
    D: tl.constexpr, DV: tl.constexpr, BD: tl.constexpr, BDV: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, EDGE: tl.constexpr,
):  # fmt: skip
    """dq of a tile of queries; strides of q, k, v, kept, do."""
    block = sizes[2]
    head, line, first, end = _place(block, QUERIES, sizes[0] // sizes[2])
    batch, h = head // heads, head % heads
    q += batch * strides[0][0] + h * strides[0][1]
    k += batch * strides[1][0] + h // group * strides[1][1]
    v += batch * strides[2][0] + h // group * strides[2][1]
    do += batch * strides[4][0] + h * strides[4][1]
    i = first + tl.arange(0, QUERIES).to(tl.int64)
    d = tl.arange(0, BD)
    queries = load_tile(q, i, d, end, (strides[0][2], strides[0][3]), D, True, BD)
    pair = (strides[4][2], strides[4][3])
    grads = load_tile(do, i, tl.arange(0, BDV), end, pair, DV, True, BDV)
    here = head * sizes[0] + i
    row_lse = tl.load(lse + here, mask=i < end, other=float("inf"))
    row_delta = tl.load(delta + here, mask=i < end, other=0.0)
    pairs = ((strides[1][2], strides[1][3]), (strides[2][2], strides[2][3]), (0, 0, 0, 0))
    acc = tl.zeros([QUERIES, BD], tl.float32)
    for column in range(sizes[1] // block):
        lo = column * block
        hi = tl.where(
            tl.load(kept + line * strides[3][0] + column * strides[3][1]) != 0, lo + block, lo
        )
        acc = walk_keys(
            acc, queries, grads, row_lse, row_delta, k, v, None, None, None, i, lo, hi,
            (end, hi, None), scale, None, pairs, D, DV, BD, BDV, KEYS, False, EDGE,
        )  # fmt: skip
    keep = (i < end)[:, None] & (d < D)[None, :]
    tl.store(dq + here[:, None] * D + d[None, :], acc * scale, mask=keep)


@triton.jit
def _backward_keys(
    q, k, v, kept, do, lse, delta, dk, dv, heads, group, sizes, scale, strides,
    D: tl.constexpr, DV: tl.constexpr, BD: tl.constexpr, BDV: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, EDGE: tl.constexpr,
):  # fmt: skip
    """dk and dv of a tile of keys, over all query heads of its group; strides as for dq."""
    block = sizes[2]
    head, column, first, end = _place(block, KEYS, sizes[1] // sizes[2])
    batch, kv = head // (heads // group), head % (heads // group)
    j = first + tl.arange(0, KEYS).to(tl.int64)
    d, e = tl.arange(0, BD), tl.arange(0, BDV)
    k += batch * strides[1][0] + kv * strides[1][1]
    v += batch * strides[2][0] + kv * strides[2][1]
    keys = load_tile(k, j, d, end, (strides[1][2], strides[1][3]), D, True, BD)
    values = load_tile(v, j, e, end, (strides[2][2], strides[2][3]), DV, True, BDV)
    pairs = ((strides[0][2], strides[0][3]), (strides[4][2], strides[4][3]), (0, 0, 0, 0))
    dk_sum = tl.zeros([KEYS, BD], tl.float32)
    dv_sum = tl.zeros([KEYS, BDV], tl.float32)
    for member in range(group):
        h = kv * group + member
        row = (batch * heads + h) * sizes[0]
        for line in range(sizes[0] // block):
            lo = line * block
            wanted = tl.load(kept + line * strides[3][0] + column * strides[3][1]) != 0
            hi = tl.where(wanted, lo + block, lo)
            dk_sum, dv_sum = walk_queries(
                dk_sum, dv_sum, keys, values,
                q + batch * strides[0][0] + h * strides[0][1],
                do + batch * strides[4][0] + h * strides[4][1],
                lse + row, delta + row, None, None, j, lo, hi, (hi, end, None), scale, None, pairs,
                D, DV, BD, BDV, QUERIES, False,
            )  # fmt: skip
    here, alive = (head * sizes[1] + j)[:, None], (j < end)[:, None]
    tl.store(dk + here * D + d[None, :], dk_sum * scale, mask=alive & (d < D)[None, :])
    tl.store(dv + here * DV + e[None, :], dv_sum, mask=alive & (e < DV)[None, :])


def constants(
    head: int, value: int, itemsize: int, block: int, choose: Callable[..., AttentionTile]
) -> dict[str, int]:
    """Sizes of heads and tiles, warps and stages, for heads of these sizes and blocks."""
    wide, wide_v = padded_head(head), padded_head(value)
    tile = choose(max(wide, wide_v), itemsize)
    most = max(16, triton.next_power_of_2(block))
    return {
        "D": head, "DV": value, "BD": wide, "BDV": wide_v,
        "QUERIES": min(tile.queries, most), "KEYS": min(tile.keys, most),
        "EDGE": block % min(tile.keys, most) != 0,
        "num_warps": tile.num_warps, "num_stages": tile.num_stages,
    }  # fmt: skip


def _grid(heads: int, length: int, block: int, tile: int) -> tuple[int]:
    return (heads * (length // block) * triton.cdiv(block, tile),)


class _BlockSparse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q: Tensor, k: Tensor, v: Tensor, kept: Tensor, block: int) -> Tensor:
        batch, heads, queries, _ = q.shape
        o = torch.empty(batch, heads, queries, v.shape[3], dtype=q.dtype, device=q.device)
        lse = torch.empty(batch, heads, queries, dtype=torch.float32, device=q.device)
        ctx.rest = (
            heads, heads // k.shape[1], (queries, k.shape[2], block), 1 / math.sqrt(q.shape[3]),
        )  # fmt: skip
        if lse.numel():
            sizes = constants(q.shape[3], v.shape[3], q.element_size(), block, forward_tile)
            _forward[_grid(batch * heads, queries, block, sizes["QUERIES"])](
                q, k, v, kept, o, lse, *ctx.rest,
                (q.stride(), k.stride(), v.stride(), kept.stride()), **sizes,
            )  # fmt: skip
        ctx.save_for_backward(q, k, v, kept, o, lse)
        return o

    @staticmethod
    def backward(ctx, do: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        q, k, v, kept, o, lse = ctx.saved_tensors
        dq, dk, dv = (torch.empty(t.shape, dtype=t.dtype, device=t.device) for t in (q, k, v))
        delta, (queries, keys, block) = compute_delta(o, do, None), ctx.rest[2]
        inputs = (q, k, v, kept, do, lse, delta)
        strides = tuple(t.stride() for t in inputs[:5])
        known = (q.shape[3], v.shape[3], q.element_size(), block)
        if dq.numel():
            sizes = constants(*known, backward_queries_tile)
            _backward_queries[_grid(q.shape[0] * q.shape[1], queries, block, sizes["QUERIES"])](
                *inputs, dq, *ctx.rest, strides, **sizes
            )
        if dk.numel():
            sizes = constants(*known, backward_keys_tile)
            _backward_keys[_grid(k.shape[0] * k.shape[1], keys, block, sizes["KEYS"])](
                *inputs, dk, dv, *ctx.rest, strides, **sizes
            )
        return dq, dk, dv, None, None


def block_sparse_attention(
    q: Tensor, k: Tensor, v: Tensor, block_mask: Tensor, *, block_size: int
) -> Tensor:
    """Attention in which query i sees key j when block_mask[i // b, j // b], b = block_size.

    q[B,H,Lq,D], k[B,K,Lk,D], v[B,K,Lk,Dv] of one dtype (float32, bfloat16, float16), any strides, D
    and Dv up to 256; block_mask bool[Lq/b, Lk/b]; the scale is 1 / sqrt(D). Blocks not kept are
    not read; a row without blocks gives zeros. Blocks of at least 16 fill tensor cores. Source:
    Dao et al. 2022, arXiv:2205.14135, section 3.3.
    """
    check_floats(q=q, k=k, v=v)
    check_device(q=q, block_mask=block_mask)
    check_shapes(q, k, v)
    if block_size < 1 or q.shape[2] % block_size or k.shape[2] % block_size:
        raise ValueError(
            f"block_size={block_size}; expected a positive divisor of Lq={q.shape[2]} and "
            f"Lk={k.shape[2]}"
        )
    expected = (q.shape[2] // block_size, k.shape[2] // block_size)
    if block_mask.dtype != torch.bool or tuple(block_mask.shape) != expected:
        raise ValueError(
            f"block_mask={block_mask.dtype}{tuple(block_mask.shape)}; expected bool{expected}"
        )
    return _BlockSparse.apply(q, k, v, block_mask.view(torch.uint8), block_size)
