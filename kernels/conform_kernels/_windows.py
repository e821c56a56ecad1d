"""Attention inside shifted windows of an image: where a window's places lie, and its kernels.

The image is padded below and to the right to whole windows, rolled by -shift and cut; all of it by
index, nothing is copied. Place t of a window sees place u when both lie in the image (padding is
never seen) and on the same side of the image's border after the roll.
"""

from __future__ import annotations

import triton
import triton.language as tl

from conform_kernels._scores import LOG2E


@triton.jit
def _places(window, t, image, shift, SIZE: tl.constexpr):
    """(pixel row, pixel column, region) of places t of a window; the region is -1 for padding.

    image = (Hh, Ww, windows a column, windows a row); window counts row by row. Places of one
    region see each other.
    """
    down = window // image[3] * SIZE + t // SIZE + shift
    right = window % image[3] * SIZE + t % SIZE + shift
    low, far = down >= image[2] * SIZE, right >= image[3] * SIZE
    row = tl.where(low, down - image[2] * SIZE, down)
    column = tl.where(far, right - image[3] * SIZE, right)
    region = tl.where(low, 2, 0) + tl.where(far, 1, 0)
    inside = (t < SIZE * SIZE) & (row < image[0]) & (column < image[1])
    return row, column, tl.where(inside, region, -1)


@triton.jit
def _pixels(batch, window, t, image, shift, SIZE: tl.constexpr):
    """(index of the pixel in the batch of images, region) of places t of a window."""
    row, column, region = _places(window, t, image, shift, SIZE)
    return (batch * image[0] + row).to(tl.int64) * image[1] + column, region


@triton.jit
def _load(base, pixel, region, strides, D: tl.constexpr, BD: tl.constexpr):
    """Features [0, D) at pixels, zero for padding."""
    d = tl.arange(0, BD).to(tl.int64)
    where = base + pixel[:, None] * strides[0] + d[None, :] * strides[1]
    return tl.load(where, mask=(region >= 0)[:, None] & (d < D)[None, :], other=0.0)


@triton.jit
def _store(base, value, pixel, region, width, D: tl.constexpr, BD: tl.constexpr):
    d = tl.arange(0, BD)
    where = base + pixel[:, None] * width + d[None, :]
    tl.store(where, value, mask=(region >= 0)[:, None] & (d < D)[None, :])


@triton.jit
def _program(heads, image, SIZE: tl.constexpr, TILE: tl.constexpr):
    """(batch, window, head, first place) of a program; heads of one window run together."""
    tiles = tl.cdiv(SIZE * SIZE, TILE)
    head = tl.program_id(0) % heads
    tile = tl.program_id(0) // heads % tiles
    window = tl.program_id(0) // (heads * tiles)
    each = image[2] * image[3]
    return window // each, window % each, head, tile * TILE


@triton.jit
def forward_kernel(
    qkv, o, lse, heads, image, shift, scale, strides,
    D: tl.constexpr, BD: tl.constexpr, WINDOW: tl.constexpr, QUERIES: tl.constexpr,
    KEYS: tl.constexpr,
):  # fmt: skip
    """o and lse (base 2) of QUERIES places of one window and head.

    qkv[pixels, 3 heads D] with strides (pixel, feature), queries first; o[pixels, heads D] and
    lse[pixels, heads] contiguous.
    """
    batch, window, head, first = _program(heads, image, WINDOW, QUERIES)
    qkv += head * D * strides[1]
    here, mine = _pixels(batch, window, first + tl.arange(0, QUERIES), image, shift, WINDOW)
    q = _load(qkv, here, mine, strides, D, BD)
    acc = tl.zeros([QUERIES, BD], tl.float32)
    total = tl.zeros([QUERIES], tl.float32)
    top = tl.full([QUERIES], -float("inf"), tl.float32)
    for start in range(0, WINDOW * WINDOW, KEYS):
        there, theirs = _pixels(batch, window, start + tl.arange(0, KEYS), image, shift, WINDOW)
        k = _load(qkv + heads * D * strides[1], there, theirs, strides, D, BD)
        v = _load(qkv + 2 * heads * D * strides[1], there, theirs, strides, D, BD)
        s = tl.dot(q, tl.trans(k), input_precision="ieee") * (scale * LOG2E)
        s = tl.where(mine[:, None] == theirs[None, :], s, -float("inf"))
        new = tl.maximum(top, tl.max(s, 1))
        # A place that has seen nobody yet has no finite maximum to subtract.
        base = tl.where(new == -float("inf"), 0.0, new)
        p = tl.exp2(s - base[:, None])
        shrink = tl.exp2(top - base)
        total = total * shrink + tl.sum(p, 1)
        acc = tl.dot(p.to(v.dtype), v, acc * shrink[:, None], input_precision="ieee")
        top = new
    total = tl.where(total > 0, total, 1.0)
    tl.store(lse + here * heads + head, top + tl.log2(total), mask=mine >= 0)
    _store(o + head * D, acc / total[:, None], here, mine, heads * D, D, BD)


@triton.jit
def _weights(s, mine, theirs, lse, scale):
    """Probabilities from products: queries `mine` (with their lse) and keys `theirs`."""
    seen = (mine == theirs) & (mine >= 0)
    return tl.exp2(tl.where(seen, s * (scale * LOG2E) - lse, -float("inf")))


@triton.jit
def query_kernel(
    qkv, o, do, lse, delta, dqkv, heads, image, shift, scale, strides,
    D: tl.constexpr, BD: tl.constexpr, WINDOW: tl.constexpr, QUERIES: tl.constexpr,
    KEYS: tl.constexpr,
):  # fmt: skip
    """dq of QUERIES places of one window and head, and delta = sum(o do), which key_kernel reads.

    strides = those of qkv and of do, (pixel, feature) each; dqkv[pixels, 3 heads D] and
    delta[pixels, heads] are contiguous.
    """
    batch, window, head, first = _program(heads, image, WINDOW, QUERIES)
    qkv += head * D * strides[0][1]
    here, mine = _pixels(batch, window, first + tl.arange(0, QUERIES), image, shift, WINDOW)
    q = _load(qkv, here, mine, strides[0], D, BD)
    up = _load(do + head * D * strides[1][1], here, mine, strides[1], D, BD)
    out = _load(o + head * D, here, mine, (heads * D, 1), D, BD)
    row_delta = tl.sum(out.to(tl.float32) * up.to(tl.float32), 1)
    at = here * heads + head
    tl.store(delta + at, row_delta, mask=mine >= 0)
    row_lse = tl.load(lse + at, mask=mine >= 0, other=0.0)
    dq = tl.zeros([QUERIES, BD], tl.float32)
    for start in range(0, WINDOW * WINDOW, KEYS):
        there, theirs = _pixels(batch, window, start + tl.arange(0, KEYS), image, shift, WINDOW)
        k = _load(qkv + heads * D * strides[0][1], there, theirs, strides[0], D, BD)
        v = _load(qkv + 2 * heads * D * strides[0][1], there, theirs, strides[0], D, BD)
        s = tl.dot(q, tl.trans(k), input_precision="ieee")
        p = _weights(s, mine[:, None], theirs[None, :], row_lse[:, None], scale)
        dp = tl.dot(up, tl.trans(v), input_precision="ieee")
        ds = p * (dp - row_delta[:, None])
        dq = tl.dot(ds.to(k.dtype), k, dq, input_precision="ieee")
    _store(dqkv + head * D, dq * scale, here, mine, 3 * heads * D, D, BD)


@triton.jit
def key_kernel(
    qkv, do, lse, delta, dqkv, heads, image, shift, scale, strides,
    D: tl.constexpr, BD: tl.constexpr, WINDOW: tl.constexpr, QUERIES: tl.constexpr,
    KEYS: tl.constexpr,
):  # fmt: skip
    """dk and dv of KEYS places of one window and head; arguments as for dq."""
    batch, window, head, first = _program(heads, image, WINDOW, KEYS)
    width = heads * D
    qkv += head * D * strides[0][1]
    there, theirs = _pixels(batch, window, first + tl.arange(0, KEYS), image, shift, WINDOW)
    k = _load(qkv + width * strides[0][1], there, theirs, strides[0], D, BD)
    v = _load(qkv + 2 * width * strides[0][1], there, theirs, strides[0], D, BD)
    dk = tl.zeros([KEYS, BD], tl.float32)
    dv = tl.zeros([KEYS, BD], tl.float32)
    for start in range(0, WINDOW * WINDOW, QUERIES):
        here, mine = _pixels(batch, window, start + tl.arange(0, QUERIES), image, shift, WINDOW)
        q = _load(qkv, here, mine, strides[0], D, BD)
        up = _load(do + head * D * strides[1][1], here, mine, strides[1], D, BD)
        row_lse = tl.load(lse + here * heads + head, mask=mine >= 0, other=0.0)
        row_delta = tl.load(delta + here * heads + head, mask=mine >= 0, other=0.0)
        s = tl.dot(k, tl.trans(q), input_precision="ieee")
        p = _weights(s, mine[None, :], theirs[:, None], row_lse[None, :], scale)
        dp = tl.dot(v, tl.trans(up), input_precision="ieee")
        ds = p * (dp - row_delta[None, :])
        dv = tl.dot(p.to(up.dtype), up, dv, input_precision="ieee")
        dk = tl.dot(ds.to(q.dtype), q, dk, input_precision="ieee")
    _store(dqkv + width + head * D, dk * scale, there, theirs, 3 * width, D, BD)
    _store(dqkv + 2 * width + head * D, dv, there, theirs, 3 * width, D, BD)
