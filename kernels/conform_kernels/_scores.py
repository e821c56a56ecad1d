"""Pieces that attention's kernels share: ranges of tiles, tile loads, scores from products.

Scores are held in base 2, multiplied by log2(e), since exp2 is what the hardware has.
"""

from __future__ import annotations

import triton
import triton.language as tl

LOG2E = tl.constexpr(1.4426950408889634)


@triton.jit
def load_tile(
    base, row, col, rows, strides, COLS: tl.constexpr, EDGE: tl.constexpr, WIDTH: tl.constexpr
):
    """base[row, col], zero outside; masked only where EDGE (rows) or COLS < WIDTH say so."""
    where = base + row[:, None] * strides[0] + col[None, :].to(tl.int64) * strides[1]
    if EDGE and COLS < WIDTH:
        tile = tl.load(where, mask=(row[:, None] < rows) & (col[None, :] < COLS), other=0.0)
    elif EDGE:
        tile = tl.load(where, mask=row[:, None] < rows, other=0.0)
    elif COLS < WIDTH:
        tile = tl.load(where, mask=col[None, :] < COLS, other=0.0)
    else:
        tile = tl.load(where)
    return tile


@triton.jit
def key_range(first, end, Lq, Lk, window, TILE: tl.constexpr, CAUSAL: tl.constexpr):
    """(lo, full_lo, full_hi, hi): keys that queries first <= i < end see any of, and all of.

    lo, full_lo and full_hi are multiples of TILE; tiles in [full_lo, full_hi) need no positions
    compared, those in [lo, full_lo) and [full_hi, hi) do.
    """
    shift = Lk - Lq
    lo, full_lo = first * 0, first * 0
    hi, full_hi = first * 0 + Lk, first * 0 + Lk
    if CAUSAL:
        hi = tl.minimum(hi, end + shift)
        full_hi = tl.minimum(full_hi, first + shift + 1)
    if window is not None:
        lo = first + shift - window + 1
        full_lo = end + shift - window
        if not CAUSAL:
            hi = tl.minimum(hi, end - 1 + shift + window)
            full_hi = tl.minimum(full_hi, first + shift + window)
    lo = tl.maximum(lo, 0) // TILE * TILE
    full_lo = tl.maximum(lo, (tl.maximum(full_lo, 0) + TILE - 1) // TILE * TILE)
    full_hi = tl.maximum(full_lo, tl.maximum(full_hi, 0) // TILE * TILE)
    return lo, full_lo, full_hi, hi


@triton.jit
def query_range(first, end, Lq, Lk, window, TILE: tl.constexpr, CAUSAL: tl.constexpr):
    """(lo, hi): the queries that see any of the keys first <= j < end; lo is a multiple of TILE."""
    shift = Lk - Lq
    lo, hi = first * 0, first * 0 + Lq
    if CAUSAL:
        lo = first - shift
    if window is not None:
        hi = tl.minimum(hi, end - 1 - shift + window)
        if not CAUSAL:
            lo = first - shift - window + 1
    return tl.maximum(lo, 0) // TILE * TILE, hi


@triton.jit
def tanh(x):
    """tanh, by its series near zero where the quotient would cancel."""
    e = tl.exp(-2.0 * tl.abs(x))
    far = tl.where(x < 0, -1.0, 1.0) * (1.0 - e) / (1.0 + e)
    s = x * x
    near = x * (1.0 + s * (-1 / 3 + s * (2 / 15 + s * (-17 / 315 + s * (62 / 2835)))))
    return tl.where(tl.abs(x) < 0.25, near, far)


@triton.jit
def visible(i, j, Lq, Lk, window, CAUSAL: tl.constexpr):
    """Which keys j the queries i see by position."""
    ahead = j - i - (Lk - Lq)
    see = j < Lk
    if CAUSAL:
        see = see & (ahead <= 0)
    if window is not None:
        see = see & (ahead > -window)
        if not CAUSAL:
            see = see & (ahead < window)
    return see


@triton.jit
def scores(
    products, i, j, bias, mask, sizes, scale, cap, strides, CAUSAL: tl.constexpr, EDGE: tl.constexpr
):
    """(scores in base 2, hidden ones -inf; tanh of the soft cap, or the products).

    products = q.k for queries i and keys j, which broadcast to its shape; sizes = (Lq, Lk, window);
    strides are those of bias and of mask, (query, key) each.
    """
    if bias is not None or mask is not None:
        inside = (i < sizes[0]) & (j < sizes[1])
    if cap is None:
        s = products * (scale * LOG2E)
    else:
        products = tanh(products * (scale / cap))
        s = products * (cap * LOG2E)
    if bias is not None:
        added = tl.load(bias + i * strides[0] + j * strides[1], mask=inside, other=0.0)
        s += added.to(tl.float32) * LOG2E
    if EDGE:
        s = tl.where(visible(i, j, sizes[0], sizes[1], sizes[2], CAUSAL), s, -float("inf"))
    if mask is not None:
        attend = tl.load(mask + i * strides[2] + j * strides[3], mask=inside, other=0)
        s = tl.where(attend != 0, s, -float("inf"))
    return s, products
