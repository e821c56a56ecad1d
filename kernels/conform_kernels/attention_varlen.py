"""Attention over packed sequences of different lengths, forward and backward."""

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
from conform_kernels._checks import check_device, check_floats, check_integers
from conform_kernels._config import (
    LARGEST_HEAD,
    AttentionTile,
    backward_keys_tile,
    backward_queries_tile,
    forward_tile,
    padded_head,
)
from conform_kernels._scores import key_range, load_tile, query_range

__all__ = ["attention_varlen"]


@triton.jit
def _bounds(cu, stride, sequence):
    """(begin, length) of a sequence."""
    begin = tl.load(cu + sequence * stride).to(tl.int64)
    return begin, (tl.load(cu + (sequence + 1) * stride) - begin).to(tl.int32)


@triton.jit
def _locate(cu, stride, sequences, tile, TILE: tl.constexpr):
    """(sequence, first) of the tile-th tile of all sequences; the sequence is -1 past the last one.

    Each sequence has its own number of tiles, so it is searched for: no lengths on the host.
    """
    found = tile * 0 - 1
    first = tile * 0
    before = tile * 0
    for sequence in range(sequences):
        _, length = _bounds(cu, stride, sequence)
        tiles = (length + TILE - 1) // TILE
        hit = (tile >= before) & (tile < before + tiles)
        found = tl.where(hit, sequence, found)
        first = tl.where(hit, (tile - before) * TILE, first)
        before += tiles
    return found, first


@triton.jit
def _forward(
    q, k, v, cu_q, cu_k, o, lse, heads, group, total, sequences, window, scale, strides,
    D: tl.constexpr, DV: tl.constexpr, BD: tl.constexpr, BDV: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, CAUSAL: tl.constexpr,
):  # fmt: skip
    """o[T,H,Dv] and lse[H,T] (base 2) of a tile; strides = those of q, k, v, then of cu_q, cu_k."""
    sequence, first = _locate(cu_q, strides[3], sequences, tl.program_id(0), QUERIES)
    if sequence >= 0:
        h = tl.program_id(1).to(tl.int64)
        begin, lq = _bounds(cu_q, strides[3], sequence)
        begin_k, lk = _bounds(cu_k, strides[4], sequence)
        q += begin * strides[0][0] + h * strides[0][1]
        k += begin_k * strides[1][0] + h // group * strides[1][1]
        v += begin_k * strides[2][0] + h // group * strides[2][1]
        i = first + tl.arange(0, QUERIES).to(tl.int64)
        pair = (strides[0][0], strides[0][2])
        queries = load_tile(q, i, tl.arange(0, BD), lq, pair, D, True, BD)
        pairs = ((strides[1][0], strides[1][2]), (strides[2][0], strides[2][2]), (0, 0, 0, 0))
        sizes = (lq, lk, window)
        end = tl.minimum(first + QUERIES, lq)
        lo, full_lo, full_hi, hi = key_range(first, end, lq, lk, window, KEYS, CAUSAL)
        state = (
            tl.zeros([QUERIES, BDV], tl.float32), tl.zeros([QUERIES], tl.float32),
            tl.full([QUERIES], -float("inf"), tl.float32),
        )  # fmt: skip
        state = walk(state, queries, k, v, None, None, i, lo, tl.minimum(full_lo, hi), sizes, scale,
                     None, pairs, D, DV, BD, BDV, KEYS, CAUSAL, True)  # fmt: skip
        state = walk(state, queries, k, v, None, None, i, full_lo, full_hi, sizes, scale,
                     None, pairs, D, DV, BD, BDV, KEYS, CAUSAL, False)  # fmt: skip
        state = walk(state, queries, k, v, None, None, i, full_hi, hi, sizes, scale,
                     None, pairs, D, DV, BD, BDV, KEYS, CAUSAL, True)  # fmt: skip
        acc, mass, top = state
        finish(acc, mass, top, o + h * DV, lse + h * total, begin + i, i < lq,
               heads * DV, DV, BDV)  # fmt: skip


@triton.jit
def _backward_queries(
    q, k, v, cu_q, cu_k, do, lse, delta, dq, heads, group, total, sequences, window, scale, strides,
    D: tl.constexpr, DV: tl.constexpr, BD: tl.constexpr, BDV: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, CAUSAL: tl.constexpr,
):  # fmt: skip
    """dq of a tile; strides = those of q, k, v, then of cu_q, cu_k, then of do."""
    sequence, first = _locate(cu_q, strides[3], sequences, tl.program_id(0), QUERIES)
    if sequence >= 0:
        h = tl.program_id(1).to(tl.int64)
        begin, lq = _bounds(cu_q, strides[3], sequence)
        begin_k, lk = _bounds(cu_k, strides[4], sequence)
        q += begin * strides[0][0] + h * strides[0][1]
        k += begin_k * strides[1][0] + h // group * strides[1][1]
        v += begin_k * strides[2][0] + h // group * strides[2][1]
        do += begin * strides[5][0] + h * strides[5][1]
        i = first + tl.arange(0, QUERIES).to(tl.int64)
        d = tl.arange(0, BD)
        queries = load_tile(q, i, d, lq, (strides[0][0], strides[0][2]), D, True, BD)
        pair = (strides[5][0], strides[5][2])
        grads = load_tile(do, i, tl.arange(0, BDV), lq, pair, DV, True, BDV)
        row_lse = tl.load(lse + h * total + begin + i, mask=i < lq, other=float("inf"))
        row_delta = tl.load(delta + h * total + begin + i, mask=i < lq, other=0.0)
        pairs = ((strides[1][0], strides[1][2]), (strides[2][0], strides[2][2]), (0, 0, 0, 0))
        end = tl.minimum(first + QUERIES, lq)
        lo, _, _, hi = key_range(first, end, lq, lk, window, KEYS, CAUSAL)
        acc = tl.zeros([QUERIES, BD], tl.float32)
        acc = walk_keys(acc, queries, grads, row_lse, row_delta, k, v, None, None, None, i, lo, hi,
                        (lq, lk, window), scale, None, pairs, D, DV, BD, BDV, KEYS, CAUSAL,
                        True)  # fmt: skip
        where = dq + ((begin + i) * heads + h)[:, None] * D + d[None, :]
        tl.store(where, acc * scale, mask=(i < lq)[:, None] & (d < D)[None, :])


@triton.jit
def _backward_keys(
    q, k, v, cu_q, cu_k, do, lse, delta, dk, dv, kv_heads, group, total, sequences, window, scale,
    strides, D: tl.constexpr, DV: tl.constexpr, BD: tl.constexpr, BDV: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, CAUSAL: tl.constexpr,
):  # fmt: skip
    """dk and dv of a tile of keys, over all query heads of its group; strides as for dq."""
    sequence, first = _locate(cu_k, strides[4], sequences, tl.program_id(0), KEYS)
    if sequence >= 0:
        kv = tl.program_id(1).to(tl.int64)
        begin, lq = _bounds(cu_q, strides[3], sequence)
        begin_k, lk = _bounds(cu_k, strides[4], sequence)
        k += begin_k * strides[1][0] + kv * strides[1][1]
        v += begin_k * strides[2][0] + kv * strides[2][1]
        j = first + tl.arange(0, KEYS).to(tl.int64)
        d, e = tl.arange(0, BD), tl.arange(0, BDV)
        keys = load_tile(k, j, d, lk, (strides[1][0], strides[1][2]), D, True, BD)
        values = load_tile(v, j, e, lk, (strides[2][0], strides[2][2]), DV, True, BDV)
        pairs = ((strides[0][0], strides[0][2]), (strides[5][0], strides[5][2]), (0, 0, 0, 0))
        end = tl.minimum(first + KEYS, lk)
        lo, hi = query_range(first, end, lq, lk, window, QUERIES, CAUSAL)
        dk_sum = tl.zeros([KEYS, BD], tl.float32)
        dv_sum = tl.zeros([KEYS, BDV], tl.float32)
        for member in range(group):
            h = kv * group + member
            dk_sum, dv_sum = walk_queries(
                dk_sum, dv_sum, keys, values,
                q + begin * strides[0][0] + h * strides[0][1],
                do + begin * strides[5][0] + h * strides[5][1],
                lse + h * total + begin, delta + h * total + begin, None, None, j, lo, hi,
                (lq, lk, window), scale, None, pairs, D, DV, BD, BDV, QUERIES, CAUSAL,
            )  # fmt: skip
        row, alive = ((begin_k + j) * kv_heads + kv)[:, None], (j < lk)[:, None]
        tl.store(dk + row * D + d[None, :], dk_sum * scale, mask=alive & (d < D)[None, :])
        tl.store(dv + row * DV + e[None, :], dv_sum, mask=alive & (e < DV)[None, :])


def constants(
    head: int, value: int, itemsize: int, causal: bool, choose: Callable[..., AttentionTile]
) -> dict[str, int]:
    """Sizes of heads and tiles, warps and stages."""
    wide, wide_v = padded_head(head), padded_head(value)
    tile = choose(max(wide, wide_v), itemsize)
    return {
        "D": head, "DV": value, "BD": wide, "BDV": wide_v, "QUERIES": tile.queries,
        "KEYS": tile.keys, "CAUSAL": causal, "num_warps": tile.num_warps,
        "num_stages": tile.num_stages,
    }  # fmt: skip


class _Varlen(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, cu_q, cu_k, causal, window, scale) -> Tensor:
        total, heads, size = q.shape
        # Rows that belong to no sequence stay zero.
        o = torch.zeros(total, heads, v.shape[2], dtype=q.dtype, device=q.device)
        lse = torch.zeros(heads, total, dtype=torch.float32, device=q.device)
        sequences = cu_q.shape[0] - 1
        ctx.rest = (heads // k.shape[1], total, sequences, window, scale)
        ctx.causal = causal
        if o.numel() and sequences:
            sizes = constants(size, v.shape[2], q.element_size(), causal, forward_tile)
            _forward[(triton.cdiv(total, sizes["QUERIES"]) + sequences, heads)](
                q, k, v, cu_q, cu_k, o, lse, heads, *ctx.rest,
                (q.stride(), k.stride(), v.stride(), cu_q.stride(0), cu_k.stride(0)), **sizes,
            )  # fmt: skip
        ctx.save_for_backward(q, k, v, cu_q, cu_k, o, lse)
        return o

    @staticmethod
    def backward(ctx, do: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, cu_q, cu_k, o, lse = ctx.saved_tensors
        dq, dk, dv = (torch.zeros(t.shape, dtype=t.dtype, device=t.device) for t in (q, k, v))
        # One row a token and head, as compute_delta takes them, then head by head as lse has them.
        delta = compute_delta(o[None], do[None], None)[0].t().contiguous()
        inputs = (q, k, v, cu_q, cu_k, do, lse, delta)
        strides = (q.stride(), k.stride(), v.stride(), cu_q.stride(0), cu_k.stride(0), do.stride())
        known = (q.shape[2], v.shape[2], q.element_size(), ctx.causal)
        sequences = cu_q.shape[0] - 1
        if q.numel() and k.numel() and sequences:
            sizes = constants(*known, backward_queries_tile)
            _backward_queries[(triton.cdiv(q.shape[0], sizes["QUERIES"]) + sequences, q.shape[1])](
                *inputs, dq, q.shape[1], *ctx.rest, strides, **sizes
            )
            sizes = constants(*known, backward_keys_tile)
            _backward_keys[(triton.cdiv(k.shape[0], sizes["KEYS"]) + sequences, k.shape[1])](
                *inputs, dk, dv, k.shape[1], *ctx.rest, strides, **sizes
            )
        return dq, dk, dv, None, None, None, None, None


def attention_varlen(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    cu_q: Tensor,
    cu_k: Tensor,
    *,
    causal: bool = False,
    window: int | None = None,
    scale: float | None = None,
) -> Tensor:
    """Attention of sequence b's queries cu_q[b]:cu_q[b+1] over its keys cu_k[b]:cu_k[b+1].

    q[T,H,D], k[S,K,D], v[S,K,Dv] of one dtype (float32, bfloat16, float16), any strides, D and Dv
    up to 256; cu_q, cu_k int[B+1], rising from 0 to T and S. causal and window count from the ends
    of each sequence's own queries and keys. Empty sequences are legal; rows without keys give
    zeros. No length is read by the host. Source: Dao 2023, arXiv:2307.08691.
    """
    check_floats(q=q, k=k, v=v)
    check_integers(cu_q=cu_q, cu_k=cu_k)
    check_device(q=q, cu_q=cu_q, cu_k=cu_k)
    shapes = f"q.shape={tuple(q.shape)}, k.shape={tuple(k.shape)}, v.shape={tuple(v.shape)}"
    if not q.dim() == k.dim() == v.dim() == 3 or k.shape[:2] != v.shape[:2]:
        raise ValueError(f"{shapes}; expected (T, H, D), (S, K, D), (S, K, Dv)")
    if q.shape[2] != k.shape[2] or k.shape[1] < 1 or q.shape[1] % k.shape[1]:
        raise ValueError(f"{shapes}; expected one D, and K to divide H")
    if not (1 <= q.shape[2] <= LARGEST_HEAD and 1 <= v.shape[2] <= LARGEST_HEAD):
        raise ValueError(f"{shapes}; expected D and Dv from 1 to {LARGEST_HEAD}")
    if cu_q.dim() != 1 or cu_q.shape != cu_k.shape or not cu_q.numel():
        raise ValueError(
            f"cu_q.shape={tuple(cu_q.shape)}, cu_k.shape={tuple(cu_k.shape)}; expected both (B+1,)"
        )
    if window is not None and window < 1:
        raise ValueError(f"window={window}; expected at least 1, or None")
    scale = 1 / math.sqrt(q.shape[2]) if scale is None else float(scale)
    return _Varlen.apply(q, k, v, cu_q, cu_k, causal, window, scale)
