"""Softmax over the products of two sets of vectors, never stored: its log-sum-exps and gradients.

Kernels keep lines of an `own` side and walk over an `other` side. A side is (targets,
statistics, inverse norms), each None where there is none: targets int32[n], for each line the line
of the other side that is right (negative: the line does not count and is not read); statistics
float32[2, n], the maximum of a line's products and the log of the sum of their exponentials
relative to it; inverse norms float32[n]. A product is scale <own, other>, times both inverse norms.
A side's layout is (lines a batch, stride of batches, of lines, of features).
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _lines(base, line, layout):
    """Pointers to the first features of lines."""
    batch, place = (line // layout[0]).to(tl.int64), (line % layout[0]).to(tl.int64)
    return base + batch * layout[1] + place * layout[2]


@triton.jit
def _alive(line, count, targets):
    """(which lines exist and count, their targets or -1)."""
    alive = line < count
    target = tl.full(line.shape, -1, tl.int32)
    if targets is not None:
        target = tl.load(targets + line, mask=alive, other=-1)
        alive = target >= 0
    return alive, target


@triton.jit
def _features(at, alive, feature, count, step):
    """[lines, features], zero outside."""
    keep = alive[:, None] & (feature < count)[None, :]
    return tl.load(at[:, None] + feature[None, :] * step, mask=keep, other=0.0)


@triton.jit
def _long_products(
    mine, theirs, alive, here, count, steps,
    ROWS: tl.constexpr, COLS: tl.constexpr, INNER: tl.constexpr,
):  # fmt: skip
    """<mine, theirs> over all features, INNER at a time: float32[ROWS, COLS]."""
    s = tl.zeros([ROWS, COLS], tl.float32)
    for start in range(0, count, INNER):
        at = start + tl.arange(0, INNER).to(tl.int64)
        part = _features(mine, alive, at, count, steps[0])
        s = tl.dot(
            part, tl.trans(_features(theirs, here, at, count, steps[1])), s, input_precision="ieee"
        )
    return s


@triton.jit
def _inverse_norm(side, line, alive):
    """The inverse norms of lines, 1 where a side has none."""
    norm = tl.full(line.shape, 1.0, tl.float32)
    if side[2] is not None:
        norm = tl.load(side[2] + line, mask=alive, other=0.0)
    return norm


@triton.jit
def lse_kernel(
    own, other, side, norms, state, sizes, scale, layouts,
    ROWS: tl.constexpr, COLS: tl.constexpr, INNER: tl.constexpr, WHOLE: tl.constexpr,
):  # fmt: skip
    """Running maximum, sum of exponentials and right product of ROWS lines over one split.

    sizes = (own lines, other lines, features, other lines a split); state float32[3, splits, own
    lines]. side is the own one, norms the other one's inverse norms. WHOLE: INNER holds all
    features, so that own lines are read once.
    """
    tiles = tl.cdiv(sizes[0], ROWS)
    # Programs that run together walk over the same split: it is read from cache.
    split = tl.program_id(0) // tiles
    i = tl.program_id(0) % tiles * ROWS + tl.arange(0, ROWS)
    feature = tl.arange(0, INNER).to(tl.int64)
    steps = (layouts[0][3], layouts[1][3])
    alive, target = _alive(i, sizes[0], side[0])
    mine = _lines(own, i, layouts[0])
    if WHOLE:
        kept = _features(mine, alive, feature, sizes[2], steps[0])
    row_scale = (_inverse_norm(side, i, alive) * scale)[:, None]
    top = tl.full([ROWS], -float("inf"), tl.float32)
    total = tl.zeros([ROWS], tl.float32)
    hit = tl.zeros([ROWS], tl.float32)
    for start in range(split * sizes[3], tl.minimum((split + 1) * sizes[3], sizes[1]), COLS):
        j = start + tl.arange(0, COLS)
        here = j < sizes[1]
        theirs = _lines(other, j, layouts[1])
        if WHOLE:
            part = _features(theirs, here, feature, sizes[2], steps[1])
            s = tl.dot(kept, tl.trans(part), input_precision="ieee")
        else:
            s = _long_products(mine, theirs, alive, here, sizes[2], steps, ROWS, COLS, INNER)
        s = s * row_scale
        if norms is not None:
            s = s * tl.load(norms + j, mask=here, other=0.0)[None, :]
        hit += tl.sum(tl.where(j[None, :] == target[:, None], s, 0.0), 1)
        s = tl.where(here[None, :], s, -float("inf"))
        new = tl.maximum(top, tl.max(s, 1))
        base = tl.where(new == -float("inf"), 0.0, new)
        total = total * tl.exp(top - base) + tl.sum(tl.exp(s - base[:, None]), 1)
        top = new
    wide = tl.zeros([ROWS], tl.int64)  # sizes of 1 are constants, which know no .to()
    plane = (wide + tl.cdiv(sizes[1], sizes[3])) * sizes[0]
    at = state + (wide + split) * sizes[0] + i
    tl.store(at, top, mask=i < sizes[0])
    tl.store(at + plane, total, mask=i < sizes[0])
    tl.store(at + 2 * plane, hit, mask=i < sizes[0])


@triton.jit
def merge_kernel(state, targets, statistics, loss, lines, splits, LINES: tl.constexpr):
    """Statistics and losses (0 where a line does not count) of LINES lines from their splits.

    state as `lse_kernel` leaves it; statistics float32[2, lines], loss float32[lines].
    """
    i = tl.program_id(0) * LINES + tl.arange(0, LINES)
    alive, _ = _alive(i, lines, targets)
    wide = tl.zeros([LINES], tl.int64)  # sizes of 1 are constants, which know no .to()
    plane = (wide + splits) * lines
    top = tl.full([LINES], -float("inf"), tl.float32)
    total = tl.zeros([LINES], tl.float32)
    hit = tl.zeros([LINES], tl.float32)
    for split in range(splits):
        at = state + (wide + split) * lines + i
        part = tl.load(at, mask=alive, other=0.0)
        new = tl.maximum(top, part)
        # A product of -inf leaves a split without a finite maximum.
        base = tl.where(new == -float("inf"), 0.0, new)
        total = total * tl.exp(top - base)
        total += tl.load(at + plane, mask=alive, other=0.0) * tl.exp(part - base)
        hit += tl.load(at + 2 * plane, mask=alive, other=0.0)
        top = new
    rest = tl.log(tl.where(alive, total, 1.0))
    # The large parts cancel first: top - hit is exact where they are close.
    tl.store(loss + i, tl.where(alive, (top - hit) + rest, 0.0), mask=i < lines)
    tl.store(statistics + i, tl.where(alive, top, float("inf")), mask=i < lines)
    tl.store(statistics + (wide + lines) + i, tl.where(alive, rest, 0.0), mask=i < lines)


@triton.jit
def _statistics(side, line, count, alive):
    """(maximum, log of the sum) of lines; what dead ones give is 0."""
    top = tl.full(line.shape, float("inf"), tl.float32)
    rest = tl.zeros(line.shape, tl.float32)
    if side[1] is not None:
        top = tl.load(side[1] + line, mask=alive, other=float("inf"))
        rest = tl.load(side[1] + (line.to(tl.int64) + count), mask=alive, other=0.0)
    return top, rest


@triton.jit
def _slopes(s, i, j, mine, theirs, sides):
    """For each side with statistics softmax minus one hot of the target, 0 between dead lines.

    mine and theirs = (which are alive, targets, maxima, logs of sums) of own and other lines.
    """
    g = tl.zeros(s.shape, tl.float32)
    # The large parts cancel first.
    if sides[0][1] is not None:
        g += tl.exp((s - mine[2][:, None]) - mine[3][:, None])
        g -= tl.where(j[None, :] == mine[1][:, None], 1.0, 0.0)
    if sides[1][1] is not None:
        g += tl.exp((s - theirs[2][None, :]) - theirs[3][None, :])
        g -= tl.where(i[:, None] == theirs[1][None, :], 1.0, 0.0)
    return tl.where(mine[0][:, None] & theirs[0][None, :], g, 0.0)


@triton.jit
def gradient_kernel(
    own, other, own_side, other_side, weight, out, sizes, scale, layouts,
    ROWS: tl.constexpr, COLS: tl.constexpr, INNER: tl.constexpr,
):  # fmt: skip
    """out = weight sum_j g_ij other_j / ||other_j|| for ROWS own lines, g as in `_slopes`.

    INNER holds all features: products are computed anew and used where they are, both sides are
    read once for both products. Without norms other_j is not divided. sizes = (own lines, other
    lines, features); layouts = those of own, other and out.
    """
    i = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    feature = tl.arange(0, INNER).to(tl.int64)
    alive, target = _alive(i, sizes[0], own_side[0])
    top, rest = _statistics(own_side, i, sizes[0], alive)
    kept = _features(_lines(own, i, layouts[0]), alive, feature, sizes[2], layouts[0][3])
    row_scale = (_inverse_norm(own_side, i, alive) * scale)[:, None]
    acc = tl.zeros([ROWS, INNER], tl.float32)
    for start in range(0, sizes[1], COLS):
        j = start + tl.arange(0, COLS)
        here, wanted = _alive(j, sizes[1], other_side[0])
        their_top, their_rest = _statistics(other_side, j, sizes[1], here)
        values = _features(_lines(other, j, layouts[1]), here, feature, sizes[2], layouts[1][3])
        norm = _inverse_norm(other_side, j, here)
        s = tl.dot(kept, tl.trans(values), input_precision="ieee") * row_scale * norm[None, :]
        g = _slopes(
            s, i, j, (alive, target, top, rest), (here, wanted, their_top, their_rest),
            (own_side, other_side),
        )  # fmt: skip
        if other_side[2] is not None:
            values = (values.to(tl.float32) * norm[:, None]).to(values.dtype)
        acc = tl.dot(g.to(values.dtype), values, acc, input_precision="ieee")
    acc = tl.where(alive[:, None], acc * tl.load(weight), 0.0)
    keep = (i < sizes[0])[:, None] & (feature < sizes[2])[None, :]
    where = _lines(out, i, layouts[2])[:, None] + feature[None, :] * layouts[2][3]
    tl.store(where, acc, mask=keep)


@triton.jit
def slope_kernel(
    own, other, own_side, other_side, slopes, first, sizes, scale, layouts,
    ROWS: tl.constexpr, COLS: tl.constexpr, INNER: tl.constexpr,
):  # fmt: skip
    """slopes[i - first, j] = g_ij (`_slopes`) for ROWS own lines from `first` on, COLS other lines.

    sizes = (own lines, other lines, features, lines of this block); slopes is contiguous.
    """
    tiles = tl.cdiv(sizes[3], ROWS)
    line = tl.program_id(0) % tiles * ROWS + tl.arange(0, ROWS)
    j = tl.program_id(0) // tiles * COLS + tl.arange(0, COLS)
    i = first + line
    steps = (layouts[0][3], layouts[1][3])
    alive, target = _alive(i, sizes[0], own_side[0])
    here, wanted = _alive(j, sizes[1], other_side[0])
    s = _long_products(
        _lines(own, i, layouts[0]), _lines(other, j, layouts[1]), alive, here, sizes[2], steps,
        ROWS, COLS, INNER,
    )  # fmt: skip
    s = s * (_inverse_norm(own_side, i, alive) * scale)[:, None]
    s = s * _inverse_norm(other_side, j, here)[None, :]
    top, rest = _statistics(own_side, i, sizes[0], alive)
    their_top, their_rest = _statistics(other_side, j, sizes[1], here)
    g = _slopes(
        s, i, j, (alive, target, top, rest), (here, wanted, their_top, their_rest),
        (own_side, other_side),
    )  # fmt: skip
    keep = (line < sizes[3])[:, None] & (j < sizes[1])[None, :]
    tl.store(slopes + line.to(tl.int64)[:, None] * sizes[1] + j[None, :], g, mask=keep)
