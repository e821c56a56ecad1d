"""Attention of one query a head over a KV cache, split over the keys."""

from __future__ import annotations

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

from conform_kernels._attention_forward import walk
from conform_kernels._checks import check_device, check_floats, check_integers, check_shape
from conform_kernels._config import LARGEST_HEAD, forward_tile, key_splits, padded_head
from conform_kernels._scores import load_tile

__all__ = ["decode_attention"]


@triton.jit
def _split(
    q, k, v, lengths, part, part_lse, heads, group, splits, chunk, capacity, scale, strides,
    D: tl.constexpr, BD: tl.constexpr, GROUP: tl.constexpr, KEYS: tl.constexpr,
):  # fmt: skip
    """Attention of a group's queries over one chunk of its keys: a partial result in float32.

    All query heads that share a key/value head are one tile, so each cache element is read once.
    strides = those of q, k, v (four each) and of lengths.
    """
    split = tl.program_id(0) % splits
    kv_head = (tl.program_id(0) // splits).to(tl.int64)
    batch, kv = kv_head // (heads // group), kv_head % (heads // group)
    length = tl.minimum(tl.load(lengths + batch * strides[3]), capacity).to(tl.int32)
    member = tl.arange(0, GROUP).to(tl.int64)
    d = tl.arange(0, BD)
    q += batch * strides[0][0] + kv * group * strides[0][1]
    queries = load_tile(q, member, d, group, (strides[0][1], strides[0][3]), D, True, BD)
    k += batch * strides[1][0] + kv * strides[1][1]
    v += batch * strides[2][0] + kv * strides[2][1]
    lo = split * chunk
    hi = tl.minimum(lo + chunk, length)
    state = (
        tl.zeros([GROUP, BD], tl.float32), tl.zeros([GROUP], tl.float32),
        tl.full([GROUP], -float("inf"), tl.float32),
    )  # fmt: skip
    pairs = ((strides[1][2], strides[1][3]), (strides[2][2], strides[2][3]), (0, 0, 0, 0))
    sizes = (group, hi, None)
    full = lo + tl.maximum(hi - lo, 0) // KEYS * KEYS
    state = walk(state, queries, k, v, None, None, member, lo, full, sizes, scale, None, pairs,
                 D, D, BD, BD, KEYS, False, False)  # fmt: skip
    state = walk(state, queries, k, v, None, None, member, full, hi, sizes, scale, None, pairs,
                 D, D, BD, BD, KEYS, False, True)  # fmt: skip
    acc, total, top = state
    some = total > 0
    total = tl.where(some, total, 1.0)
    row = (batch * heads + kv * group + member) * splits + split
    alive = member < group
    tl.store(part_lse + row, tl.where(some, top + tl.log2(total), -float("inf")), mask=alive)
    keep = alive[:, None] & (d < D)[None, :]
    tl.store(part + row[:, None] * D + d[None, :], acc / total[:, None], mask=keep)


@triton.jit
def _merge(part, part_lse, o, splits, D: tl.constexpr, BD: tl.constexpr, SPLITS: tl.constexpr):
    """o of one head from its parts, weighted by 2^lse; zeros where every part is empty."""
    row = tl.program_id(0).to(tl.int64)
    s, d = tl.arange(0, SPLITS), tl.arange(0, BD)
    lse = tl.load(part_lse + row * splits + s, mask=s < splits, other=-float("inf"))
    top = tl.max(lse, 0)
    weight = tl.exp2(lse - tl.where(top == -float("inf"), 0.0, top))
    total = tl.sum(weight, 0)
    keep = (s < splits)[:, None] & (d < D)[None, :]
    tile = tl.load(part + (row * splits + s[:, None]) * D + d[None, :], mask=keep, other=0.0)
    out = tl.sum(tile * weight[:, None], 0) / tl.where(total > 0, total, 1.0)
    tl.store(o + row * D + d, out, mask=d < D)


def decode_attention(
    q: Tensor, k_cache: Tensor, v_cache: Tensor, lengths: Tensor, *, scale: float | None = None
) -> Tensor:
    """softmax(scale q K^T) V over the first lengths[b] slots of the cache: [B, H, 1, D].

    q[B,H,1,D], k_cache and v_cache [B,K,S,D] of one dtype (float32, bfloat16, float16), any
    strides, D up to 256; lengths int[B], at most S; query head h reads head h // (H // K). Slots at
    or beyond the length are not read; length 0 gives zeros. Each cache element is read once; the
    keys are cut into parts that are merged by their log-sum-exps. Not differentiable: the result
    carries no gradient. Source: Dao et al. 2023, "Flash-Decoding for long-context inference".
    """
    check_floats(q=q, k_cache=k_cache, v_cache=v_cache)
    check_integers(lengths=lengths)
    check_device(q=q, lengths=lengths)
    if q.dim() != 4 or k_cache.dim() != 4:
        raise ValueError(
            f"q.shape={tuple(q.shape)}, k_cache.shape={tuple(k_cache.shape)}; expected "
            "(B, H, 1, D) and (B, K, S, D)"
        )
    batch, heads, _, size = q.shape
    kv_heads, capacity = k_cache.shape[1:3]
    check_shape("q", q, (None, None, 1, None))
    check_shape("k_cache", k_cache, (batch, None, None, size))
    check_shape("v_cache", v_cache, tuple(k_cache.shape))
    check_shape("lengths", lengths, (batch,))
    if kv_heads < 1 or heads % kv_heads or not 1 <= size <= LARGEST_HEAD:
        raise ValueError(f"H={heads}, K={kv_heads}, D={size}; expected K to divide H and D <= 256")
    q, k_cache, v_cache = q.detach(), k_cache.detach(), v_cache.detach()
    o = torch.empty(batch, heads, 1, size, dtype=q.dtype, device=q.device)
    if not o.numel():
        return o
    splits = key_splits(q, batch * kv_heads, capacity)
    tile = forward_tile(padded_head(size), q.element_size())
    chunk = triton.cdiv(triton.cdiv(capacity, splits), tile.keys) * tile.keys
    part = torch.empty(batch, heads, splits, size, dtype=torch.float32, device=q.device)
    part_lse = torch.empty(batch, heads, splits, dtype=torch.float32, device=q.device)
    group = heads // kv_heads
    _split[(batch * kv_heads * splits,)](
        q, k_cache, v_cache, lengths, part, part_lse, heads, group, splits, chunk, capacity,
        1 / math.sqrt(size) if scale is None else float(scale),
        (q.stride(), k_cache.stride(), v_cache.stride(), lengths.stride(0)),
        D=size, BD=padded_head(size), GROUP=max(16, triton.next_power_of_2(group)),
        KEYS=tile.keys, num_warps=4, num_stages=tile.num_stages,
    )  # fmt: skip
    _merge[(batch * heads,)](
        part, part_lse, o, splits,
        D=size, BD=padded_head(size), SPLITS=triton.next_power_of_2(splits),
    )  # fmt: skip
    return o
