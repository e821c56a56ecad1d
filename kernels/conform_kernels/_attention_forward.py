"""Attention forward: one pass over the keys for each tile of queries, running maximum and sum."""

from __future__ import annotations

import triton
import triton.language as tl

from conform_kernels._scores import LOG2E, key_range, load_tile, scores


@triton.jit
def walk(
    state, q, k, v, bias, mask, i, lo, hi, sizes, scale, cap, strides,
    D: tl.constexpr, DV: tl.constexpr, BD: tl.constexpr, BDV: tl.constexpr,
    KEYS: tl.constexpr, CAUSAL: tl.constexpr, EDGE: tl.constexpr,
):  # fmt: skip
    """Take the keys lo <= j < hi into state = (accumulator, sum, maximum)."""
    acc, total, top = state
    d, dv = tl.arange(0, BD), tl.arange(0, BDV)
    for start in range(lo, hi, KEYS):
        j = start + tl.arange(0, KEYS).to(tl.int64)
        keys = load_tile(k, j, d, sizes[1], strides[0], D, EDGE, BD)
        s = tl.dot(q, tl.trans(keys), input_precision="ieee")
        s, _ = scores(
            s, i[:, None], j[None, :], bias, mask, sizes, scale, cap, strides[2], CAUSAL, EDGE
        )
        new = tl.maximum(top, tl.max(s, 1))
        # A row that has seen no key yet has no finite maximum to subtract.
        base = tl.where(new == -float("inf"), 0.0, new)
        p = tl.exp2(s - base[:, None])
        shrink = tl.exp2(top - base)
        total = total * shrink + tl.sum(p, 1)
        values = load_tile(v, j, dv, sizes[1], strides[1], DV, EDGE, BDV)
        if mask is not None:
            # A key that no query of the tile sees must not leak, not even NaN (0 * NaN = NaN).
            values = tl.where(tl.max(s, 0)[:, None] > -float("inf"), values, 0.0).to(
                v.dtype.element_ty
            )
        acc = acc * shrink[:, None]
        acc = tl.dot(p.to(v.dtype.element_ty), values, acc, input_precision="ieee")
        top = new
    return acc, total, top


@triton.jit
def finish(acc, total, top, o, lse, row, alive, stride, DV: tl.constexpr, BDV: tl.constexpr):
    """Store acc / total and the log-sum-exp (base 2); rows without keys: zeros and -inf."""
    some = total > 0
    total = tl.where(some, total, 1.0)
    tl.store(lse + row, tl.where(some, top + tl.log2(total), -float("inf")), mask=alive)
    e = tl.arange(0, BDV)
    keep = alive[:, None] & (e < DV)[None, :]
    tl.store(o + row[:, None] * stride + e[None, :], acc / total[:, None], mask=keep)


@triton.jit
def forward_kernel(
    q, k, v, bias, mask, sinks, o, lse, heads, group, sizes, scale, cap, strides,
    D: tl.constexpr, DV: tl.constexpr, BD: tl.constexpr, BDV: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, CAUSAL: tl.constexpr,
):  # fmt: skip
    """o and lse (base 2) of QUERIES queries of one head.

    sizes = (Lq, Lk, window or None); strides = those of q, k, v, bias, mask, four each. o and lse
    are contiguous. Keys are walked in three stages, so that positions are compared at edges only.
    """
    tiles = tl.cdiv(sizes[0], QUERIES)
    # The last queries see most keys: they go first.
    first = (tiles - 1 - tl.program_id(0) % tiles) * QUERIES
    head = (tl.program_id(0) // tiles).to(tl.int64)
    batch, h = head // heads, head % heads
    kv = h // group
    q += batch * strides[0][0] + h * strides[0][1]
    k += batch * strides[1][0] + kv * strides[1][1]
    v += batch * strides[2][0] + kv * strides[2][1]
    if bias is not None:
        bias += batch * strides[3][0] + h * strides[3][1]
    if mask is not None:
        mask += batch * strides[4][0] + h * strides[4][1]
    i = first + tl.arange(0, QUERIES).to(tl.int64)
    queries = load_tile(
        q, i, tl.arange(0, BD), sizes[0], (strides[0][2], strides[0][3]), D, True, BD
    )
    acc = tl.zeros([QUERIES, BDV], tl.float32)
    top = tl.full([QUERIES], -float("inf"), tl.float32)
    total = tl.zeros([QUERIES], tl.float32)
    if sinks is not None:
        sink = tl.load(sinks + h).to(tl.float32) * LOG2E
        top += tl.where(sink == -float("inf"), 0.0, float("inf"))
        top = tl.where(sink == -float("inf"), top, sink)
        total += tl.where(sink == -float("inf"), 0.0, 1.0)
    pairs = (
        (strides[1][2], strides[1][3]), (strides[2][2], strides[2][3]),
        (strides[3][2], strides[3][3], strides[4][2], strides[4][3]),
    )  # fmt: skip
    end = tl.minimum(first + QUERIES, sizes[0])
    lo, full_lo, full_hi, hi = key_range(first, end, sizes[0], sizes[1], sizes[2], KEYS, CAUSAL)
    state = (acc, total, top)
    state = walk(state, queries, k, v, bias, mask, i, lo, tl.minimum(full_lo, hi), sizes, scale,
                  cap, pairs, D, DV, BD, BDV, KEYS, CAUSAL, True)  # fmt: skip
    state = walk(state, queries, k, v, bias, mask, i, full_lo, full_hi, sizes, scale,
                  cap, pairs, D, DV, BD, BDV, KEYS, CAUSAL, False)  # fmt: skip
    state = walk(state, queries, k, v, bias, mask, i, full_hi, hi, sizes, scale,
                  cap, pairs, D, DV, BD, BDV, KEYS, CAUSAL, True)  # fmt: skip
    acc, total, top = state
    finish(acc, total, top, o, lse, head * sizes[0] + i, i < sizes[0], DV, DV, BDV)
