"""Attention of one query a head over cached latents, absorbed: no key and no value is ever made."""

from __future__ import annotations

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

from conform_kernels._checks import check_device, check_floats, check_integers, check_shape
from conform_kernels._config import (
    LARGEST_HEAD,
    LARGEST_LATENT,
    grouped_tile,
    key_splits,
    latent_tile,
    padded_head,
)
from conform_kernels._scores import LOG2E, load_tile

__all__ = ["latent_decode_attention"]


@triton.jit
def _per_head(
    a, w, out, sizes, strides, ROWS: tl.constexpr, COLS: tl.constexpr, INNER: tl.constexpr
):
    """out[b, h, n] = sum over k of a[b, h, k] w[h, k, n] for ROWS sequences and COLS columns.

    sizes = (batch, heads, inner, columns); strides = those of a and of w, three each; out is
    contiguous and rounds to its dtype.
    """
    tiles = tl.cdiv(sizes[3], COLS)
    rest = tl.program_id(0) // tiles
    head = (rest % sizes[1]).to(tl.int64)
    b = (rest // sizes[1]).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    n = (tl.program_id(0) % tiles).to(tl.int64) * COLS + tl.arange(0, COLS)
    alive, real = (b < sizes[0])[:, None], (n < sizes[3])[None, :]
    a += head * strides[0][1]
    w += head * strides[1][0]
    acc = tl.zeros([ROWS, COLS], tl.float32)
    for start in range(0, sizes[2], INNER):
        k = start + tl.arange(0, INNER).to(tl.int64)
        inside = k < sizes[2]
        where = a + b[:, None] * strides[0][0] + k[None, :] * strides[0][2]
        x = tl.load(where, mask=alive & inside[None, :], other=0.0)
        where = w + k[:, None] * strides[1][1] + n[None, :] * strides[1][2]
        y = tl.load(where, mask=inside[:, None] & real, other=0.0)
        acc = tl.dot(x, y, acc, input_precision="ieee")
    where = out + (b[:, None] * sizes[1] + head) * sizes[3] + n[None, :]
    tl.store(where, acc, mask=alive & real)


@triton.jit
def _latent_split(
    q, q_rope, latent, rope, lengths, part, part_lse, heads, splits, chunk, slots, scale, strides,
    C: tl.constexpr, BC: tl.constexpr, R: tl.constexpr, BR: tl.constexpr,
    HEADS: tl.constexpr, KEYS: tl.constexpr,
):  # fmt: skip
    """HEADS heads over one chunk of a sequence's latents: a partial context in float32.

    q[batch, heads, C] is the absorbed query, contiguous. A latent is loaded once for scores and
    values; heads beyond a tile load it again, side by side. strides = those of q_rope (batch, head,
    feature), latent and rope (three each) and lengths.
    """
    tiles = tl.cdiv(heads, HEADS)
    rest = tl.program_id(0) // tiles
    split, batch = rest % splits, (rest // splits).to(tl.int64)
    h = (tl.program_id(0) % tiles).to(tl.int64) * HEADS + tl.arange(0, HEADS)
    length = tl.minimum(tl.load(lengths + batch * strides[3]), slots).to(tl.int32)
    c, r = tl.arange(0, BC), tl.arange(0, BR)
    content = load_tile(q + batch * heads * C, h, c, heads, (C, 1), C, True, BC)
    rotary = load_tile(q_rope + batch * strides[0][0], h, r, heads,
                       (strides[0][1], strides[0][2]), R, True, BR)  # fmt: skip
    latent += batch * strides[1][0]
    rope += batch * strides[2][0]
    lo = split * chunk
    hi = tl.minimum(lo + chunk, length)
    acc = tl.zeros([HEADS, BC], tl.float32)
    total = tl.zeros([HEADS], tl.float32)
    top = tl.full([HEADS], -float("inf"), tl.float32)
    for start in range(lo, hi, KEYS):
        j = (start + tl.arange(0, KEYS)).to(tl.int64)
        keys = load_tile(latent, j, c, hi, (strides[1][1], strides[1][2]), C, True, BC)
        s = tl.dot(content, tl.trans(keys), input_precision="ieee")
        turned = load_tile(rope, j, r, hi, (strides[2][1], strides[2][2]), R, True, BR)
        s = tl.dot(rotary, tl.trans(turned), s, input_precision="ieee") * (scale * LOG2E)
        s = tl.where((j < hi)[None, :], s, -float("inf"))
        new = tl.maximum(top, tl.max(s, 1))
        # A row that has seen no key yet has no finite maximum to subtract.
        base = tl.where(new == -float("inf"), 0.0, new)
        p = tl.exp2(s - base[:, None])
        shrink = tl.exp2(top - base)
        total = total * shrink + tl.sum(p, 1)
        acc = tl.dot(p.to(keys.dtype), keys, acc * shrink[:, None], input_precision="ieee")
        top = new
    some = total != 0
    total = tl.where(some, total, 1.0)
    row = (batch * heads + h) * splits + split
    alive = h < heads
    tl.store(part_lse + row, tl.where(some, top + tl.log2(total), -float("inf")), mask=alive)
    keep = alive[:, None] & (c < C)[None, :]
    tl.store(part + row[:, None] * C + c[None, :], acc / total[:, None], mask=keep)


@triton.jit
def _latent_merge(
    part, part_lse, out, splits, C: tl.constexpr, BC: tl.constexpr, SPLITS: tl.constexpr
):
    """The context of one head from its parts, weighted by 2^lse; zeros where all are empty."""
    row = tl.program_id(0).to(tl.int64)
    n, c = tl.arange(0, SPLITS), tl.arange(0, BC)
    lse = tl.load(part_lse + row * splits + n, mask=n < splits, other=-float("inf"))
    top = tl.max(lse, 0)
    weight = tl.exp2(lse - tl.where(top == -float("inf"), 0.0, top))
    total = tl.sum(weight, 0)
    weight = weight / tl.where(total != 0, total, 1.0)
    acc = tl.zeros([BC], tl.float32)
    for s in range(splits):
        share = tl.sum(tl.where(n == s, weight, 0.0), 0)
        acc += share * tl.load(part + (row * splits + s) * C + c, mask=c < C, other=0.0)
    tl.store(out + row * C + c, acc, mask=c < C)


def _mapped(a: Tensor, w: Tensor) -> Tensor:
    """a[B,H,k] times each head's w[H,k,n] -> [B,H,n]."""
    batch, heads, inner = a.shape
    out = torch.empty(batch, heads, w.shape[2], dtype=a.dtype, device=a.device)
    tile = grouped_tile(1, 1, a.element_size())
    tiles = triton.cdiv(batch, tile.rows) * triton.cdiv(w.shape[2], tile.columns)
    _per_head[(heads * tiles,)](
        a, w, out, (batch, heads, inner, w.shape[2]), (a.stride(), w.stride()),
        ROWS=tile.rows, COLS=tile.columns, INNER=tile.inner,
        num_warps=tile.num_warps, num_stages=tile.num_stages,
    )  # fmt: skip
    return out


def _context(
    q: Tensor, q_rope: Tensor, latent: Tensor, rope: Tensor, lengths: Tensor, scale: float
) -> Tensor:
    """softmax(scale (q latent^T + q_rope rope^T)) latent: q[B,H,C], q_rope[B,H,R] -> [B,H,C]."""
    batch, heads, features = q.shape
    slots, rotary = latent.shape[1], q_rope.shape[2]
    tile = latent_tile(features, q.element_size())
    tiles = triton.cdiv(heads, tile.queries)
    splits = key_splits(q, batch * tiles, slots)
    chunk = triton.cdiv(triton.cdiv(slots, splits), tile.keys) * tile.keys
    part = torch.empty(batch, heads, splits, features, dtype=torch.float32, device=q.device)
    part_lse = torch.empty(batch, heads, splits, dtype=torch.float32, device=q.device)
    wide = padded_head(features)
    _latent_split[(batch * splits * tiles,)](
        q, q_rope, latent, rope, lengths, part, part_lse, heads, splits, chunk, slots, scale,
        (q_rope.stride(), latent.stride(), rope.stride(), lengths.stride(0)),
        C=features, BC=wide, R=rotary, BR=padded_head(rotary), HEADS=tile.queries,
        KEYS=tile.keys, num_warps=tile.num_warps, num_stages=tile.num_stages,
    )  # fmt: skip
    out = torch.empty_like(q)
    _latent_merge[(batch * heads,)](
        part, part_lse, out, splits, C=features, BC=wide, SPLITS=triton.next_power_of_2(splits)
    )
    return out


def latent_decode_attention(
    q: Tensor,
    q_rope: Tensor,
    latent_cache: Tensor,
    rope_cache: Tensor,
    Wk_up: Tensor,
    Wv_up: Tensor,
    lengths: Tensor,
    *,
    scale: float | None = None,
) -> Tensor:
    """softmax(scale (q . latent Wk_up + q_rope . rope)) latent Wv_up, a head each: [B, H, 1, Dv].

    q[B,H,1,D], q_rope[B,H,1,R], latent_cache[B,S,C], rope_cache[B,S,R], Wk_up[C,H*D],
    Wv_up[C,H*Dv] of one dtype (float32, bfloat16, float16), any strides, C up to 512, R up to 256;
    lengths int[B] from 0 to S; scale None: 1/sqrt(D + R). Absorbed: the query is mapped into the
    latent space, attends to the latents, and the context is mapped up; both are rounded to the
    inputs' dtype, as are probabilities for their product; all else is float32. Slots at or beyond
    the length are not read; length 0 gives zeros. A tile of 16 heads reads a latent once; the slots
    are cut into parts that are merged by their log-sum-exps. Not differentiable: the result carries
    no gradient. Source: DeepSeek-V2, arXiv:2405.04434, section 2.1.2.
    """
    check_floats(q=q, q_rope=q_rope, latent_cache=latent_cache, rope_cache=rope_cache,
                 Wk_up=Wk_up, Wv_up=Wv_up)  # fmt: skip
    check_integers(lengths=lengths)
    check_device(q=q, lengths=lengths)
    check_shape("q", q, (None, None, 1, None))
    batch, heads, _, size = q.shape
    check_shape("latent_cache", latent_cache, (batch, None, None))
    slots, features = latent_cache.shape[1:]
    check_shape("q_rope", q_rope, (batch, heads, 1, None))
    check_shape("rope_cache", rope_cache, (batch, slots, q_rope.shape[3]))
    check_shape("Wk_up", Wk_up, (features, heads * size))
    check_shape("Wv_up", Wv_up, (features, None))
    check_shape("lengths", lengths, (batch,))
    rotary = q_rope.shape[3]
    if heads < 1 or Wv_up.shape[1] % heads:
        raise ValueError(f"H={heads}, Wv_up.shape={tuple(Wv_up.shape)}; expected (C, H * Dv)")
    if not (1 <= features <= LARGEST_LATENT and 1 <= rotary <= LARGEST_HEAD):
        raise ValueError(
            f"C={features}, R={rotary}; expected C from 1 to {LARGEST_LATENT}, R from 1 to "
            f"{LARGEST_HEAD}"
        )
    shape = (batch, heads, 1, Wv_up.shape[1] // heads)
    if not math.prod(shape) or not slots:
        return torch.zeros(shape, dtype=q.dtype, device=q.device)
    if not q.is_cuda and not 0 <= int(lengths.min()) <= int(lengths.max()) <= slots:
        low, high = int(lengths.min()), int(lengths.max())
        raise ValueError(f"lengths from {low} to {high}; expected 0 to {slots} (S)")
    scale = 1 / math.sqrt(size + rotary) if scale is None else float(scale)
    with torch.no_grad():
        up = Wk_up.unflatten(1, (heads, size)).permute(1, 2, 0)
        inside = _mapped(q[:, :, 0], up)
        context = _context(inside, q_rope[:, :, 0], latent_cache, rope_cache, lengths, scale)
        up = Wv_up.unflatten(1, (heads, shape[3])).permute(1, 0, 2)
        return _mapped(context, up).unsqueeze(2)
