"""Attention backward: probabilities from the log-sum-exp, Delta beforehand, no atomics.

One kernel makes dq (and the bias' gradient) tile of queries by tile of queries, another dk and dv
tile of keys by tile of keys, adding up a group's query heads; so a repeat gives the same bits.
"""

from __future__ import annotations

import triton
import triton.language as tl

from conform_kernels._scores import key_range, load_tile, query_range, scores


@triton.jit
def delta_kernel(
    o, do, dlse, delta, rows, strides, DV: tl.constexpr, BDV: tl.constexpr, QUERIES: tl.constexpr
):
    """delta = sum(o do) - dlse for QUERIES rows; strides = (heads, length, those of do)."""
    row = tl.program_id(0).to(tl.int64) * QUERIES + tl.arange(0, QUERIES)
    dv = tl.arange(0, BDV).to(tl.int64)
    head, i = row // strides[1], row % strides[1]
    at = head // strides[0] * strides[2] + head % strides[0] * strides[3] + i * strides[4]
    keep = (row < rows)[:, None] & (dv < DV)[None, :]
    a = tl.load(o + row[:, None] * DV + dv[None, :], mask=keep, other=0.0).to(tl.float32)
    b = tl.load(do + at[:, None] + dv[None, :] * strides[5], mask=keep, other=0.0).to(tl.float32)
    total = tl.sum(a * b, 1)
    if dlse is not None:
        total -= tl.load(dlse + row, mask=row < rows, other=0.0).to(tl.float32)
    tl.store(delta + row, total, mask=row < rows)


@triton.jit
def _softmax_slope(s, dp, lse, delta, capped, cap):
    """(p, ds before the cap, ds of the scaled products) from base-2 scores."""
    # Rows without visible keys have lse = -inf and only -inf scores.
    p = tl.exp2(s - tl.where(lse == -float("inf"), 0.0, lse))
    outer = p * (dp - delta)
    ds = outer
    if cap is not None:
        ds = outer * (1.0 - capped * capped)
    return p, outer, ds


@triton.jit
def walk_keys(
    dq, q, do, lse, delta, k, v, bias, mask, dbias, i, lo, hi, sizes, scale, cap, strides,
    D: tl.constexpr, DV: tl.constexpr, BD: tl.constexpr, BDV: tl.constexpr,
    KEYS: tl.constexpr, CAUSAL: tl.constexpr, EDGE: tl.constexpr,
):  # fmt: skip
    """Add what the keys lo <= j < hi contribute to dq of one tile of queries; fills dbias there."""
    d, dv = tl.arange(0, BD), tl.arange(0, BDV)
    for start in range(lo, hi, KEYS):
        j = start + tl.arange(0, KEYS).to(tl.int64)
        keys = load_tile(k, j, d, sizes[1], strides[0], D, EDGE, BD)
        values = load_tile(v, j, dv, sizes[1], strides[1], DV, EDGE, BDV)
        s = tl.dot(q, tl.trans(keys), input_precision="ieee")
        s, capped = scores(
            s, i[:, None], j[None, :], bias, mask, sizes, scale, cap, strides[2], CAUSAL, EDGE
        )
        dp = tl.dot(do, tl.trans(values), input_precision="ieee")
        _, outer, ds = _softmax_slope(s, dp, lse[:, None], delta[:, None], capped, cap)
        if dbias is not None:
            inside = (i[:, None] < sizes[0]) & (j[None, :] < sizes[1])
            tl.store(dbias + i[:, None] * sizes[1] + j[None, :], outer, mask=inside)
        dq = tl.dot(ds.to(k.dtype.element_ty), keys, dq, input_precision="ieee")
    return dq


@triton.jit
def query_kernel(
    q, k, v, bias, mask, do, lse, delta, dq, dbias, heads, group, sizes, scale, cap, strides,
    D: tl.constexpr, DV: tl.constexpr, BD: tl.constexpr, BDV: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, CAUSAL: tl.constexpr,
):  # fmt: skip
    """dq of QUERIES queries of one head; with dbias[B,H,Lq,Lk] also the scores' gradient.

    strides = those of q, k, v, bias, mask, do, four each; lse is in base 2.
    """
    tiles = tl.cdiv(sizes[0], QUERIES)
    first = (tiles - 1 - tl.program_id(0) % tiles) * QUERIES
    head = (tl.program_id(0) // tiles).to(tl.int64)
    batch, h = head // heads, head % heads
    kv = h // group
    q += batch * strides[0][0] + h * strides[0][1]
    k += batch * strides[1][0] + kv * strides[1][1]
    v += batch * strides[2][0] + kv * strides[2][1]
    do += batch * strides[5][0] + h * strides[5][1]
    if bias is not None:
        bias += batch * strides[3][0] + h * strides[3][1]
    if mask is not None:
        mask += batch * strides[4][0] + h * strides[4][1]
    if dbias is not None:
        dbias += head * sizes[0] * sizes[1]
    i = first + tl.arange(0, QUERIES).to(tl.int64)
    d, dv = tl.arange(0, BD), tl.arange(0, BDV)
    queries = load_tile(q, i, d, sizes[0], (strides[0][2], strides[0][3]), D, True, BD)
    grads = load_tile(do, i, dv, sizes[0], (strides[5][2], strides[5][3]), DV, True, BDV)
    here = head * sizes[0] + i
    row_lse = tl.load(lse + here, mask=i < sizes[0], other=float("inf"))
    row_delta = tl.load(delta + here, mask=i < sizes[0], other=0.0)
    pairs = (
        (strides[1][2], strides[1][3]), (strides[2][2], strides[2][3]),
        (strides[3][2], strides[3][3], strides[4][2], strides[4][3]),
    )  # fmt: skip
    end = tl.minimum(first + QUERIES, sizes[0])
    lo, full_lo, full_hi, hi = key_range(first, end, sizes[0], sizes[1], sizes[2], KEYS, CAUSAL)
    acc = tl.zeros([QUERIES, BD], tl.float32)
    acc = walk_keys(acc, queries, grads, row_lse, row_delta, k, v, bias, mask, dbias, i,
                     lo, tl.minimum(full_lo, hi), sizes, scale, cap, pairs,
                     D, DV, BD, BDV, KEYS, CAUSAL, True)  # fmt: skip
    acc = walk_keys(acc, queries, grads, row_lse, row_delta, k, v, bias, mask, dbias, i,
                     full_lo, full_hi, sizes, scale, cap, pairs,
                     D, DV, BD, BDV, KEYS, CAUSAL, False)  # fmt: skip
    acc = walk_keys(acc, queries, grads, row_lse, row_delta, k, v, bias, mask, dbias, i,
                     full_hi, hi, sizes, scale, cap, pairs,
                     D, DV, BD, BDV, KEYS, CAUSAL, True)  # fmt: skip
    keep = (i < sizes[0])[:, None] & (d < D)[None, :]
    tl.store(dq + here[:, None] * D + d[None, :], acc * scale, mask=keep)


@triton.jit
def walk_queries(
    dk, dv, keys, values, q, do, lse, delta, bias, mask, j, lo, hi, sizes, scale, cap, strides,
    D: tl.constexpr, DV: tl.constexpr, BD: tl.constexpr, BDV: tl.constexpr,
    QUERIES: tl.constexpr, CAUSAL: tl.constexpr,
):  # fmt: skip
    """Add what the queries lo <= i < hi contribute to the gradients of one tile of keys.

    strides = those of q and do (length, feature), then of bias and mask; lse and delta have one
    number a query. q, do, lse, delta, bias and mask point at the head.
    """
    d, e = tl.arange(0, BD), tl.arange(0, BDV)
    for start in range(lo, hi, QUERIES):
        i = start + tl.arange(0, QUERIES).to(tl.int64)
        queries = load_tile(q, i, d, sizes[0], strides[0], D, True, BD)
        grads = load_tile(do, i, e, sizes[0], strides[1], DV, True, BDV)
        # Beyond the last query lse = inf makes every probability 0.
        row_lse = tl.load(lse + i, mask=i < sizes[0], other=float("inf"))[None, :]
        row_delta = tl.load(delta + i, mask=i < sizes[0], other=0.0)[None, :]
        s = tl.dot(keys, tl.trans(queries), input_precision="ieee")
        s, capped = scores(
            s, i[None, :], j[:, None], bias, mask, sizes, scale, cap, strides[2], CAUSAL, True
        )
        dp = tl.dot(values, tl.trans(grads), input_precision="ieee")
        p, _, ds = _softmax_slope(s, dp, row_lse, row_delta, capped, cap)
        dv = tl.dot(p.to(do.dtype.element_ty), grads, dv, input_precision="ieee")
        dk = tl.dot(ds.to(q.dtype.element_ty), queries, dk, input_precision="ieee")
    return dk, dv


@triton.jit
def key_kernel(
    q, k, v, bias, mask, do, lse, delta, dk, dv, heads, group, sizes, scale, cap, strides,
    D: tl.constexpr, DV: tl.constexpr, BD: tl.constexpr, BDV: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, CAUSAL: tl.constexpr,
):  # fmt: skip
    """dk and dv of KEYS keys of one key/value head, over all query heads of its group."""
    tiles = tl.cdiv(sizes[1], KEYS)
    first = tl.program_id(0) % tiles * KEYS
    kv_head = (tl.program_id(0) // tiles).to(tl.int64)
    batch, kv = kv_head // (heads // group), kv_head % (heads // group)
    j = first + tl.arange(0, KEYS).to(tl.int64)
    d, e = tl.arange(0, BD), tl.arange(0, BDV)
    k += batch * strides[1][0] + kv * strides[1][1]
    v += batch * strides[2][0] + kv * strides[2][1]
    keys = load_tile(k, j, d, sizes[1], (strides[1][2], strides[1][3]), D, True, BD)
    values = load_tile(v, j, e, sizes[1], (strides[2][2], strides[2][3]), DV, True, BDV)
    pairs = (
        (strides[0][2], strides[0][3]), (strides[5][2], strides[5][3]),
        (strides[3][2], strides[3][3], strides[4][2], strides[4][3]),
    )  # fmt: skip
    dk_sum = tl.zeros([KEYS, BD], tl.float32)
    dv_sum = tl.zeros([KEYS, BDV], tl.float32)
    end = tl.minimum(first + KEYS, sizes[1])
    lo, hi = query_range(first, end, sizes[0], sizes[1], sizes[2], QUERIES, CAUSAL)
    for member in range(group):
        h = kv * group + member
        bias_head, mask_head = bias, mask
        if bias is not None:
            bias_head = bias + batch * strides[3][0] + h * strides[3][1]
        if mask is not None:
            mask_head = mask + batch * strides[4][0] + h * strides[4][1]
        row = (batch * heads + h) * sizes[0]
        dk_sum, dv_sum = walk_queries(
            dk_sum, dv_sum, keys, values,
            q + batch * strides[0][0] + h * strides[0][1],
            do + batch * strides[5][0] + h * strides[5][1],
            lse + row, delta + row, bias_head, mask_head, j, lo, hi, sizes, scale, cap, pairs,
            D, DV, BD, BDV, QUERIES, CAUSAL,
        )  # fmt: skip
    here = (kv_head * sizes[1] + j)[:, None]
    alive = (j < sizes[1])[:, None]
    tl.store(dk + here * D + d[None, :], dk_sum * scale, mask=alive & (d < D)[None, :])
    tl.store(dv + here * DV + e[None, :], dv_sum, mask=alive & (e < DV)[None, :])
