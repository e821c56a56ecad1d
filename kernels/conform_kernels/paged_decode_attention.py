"""Attention of one query a head over a cache in pages that a table lists, split over the keys."""

from __future__ import annotations

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

from conform_kernels._checks import check_device, check_floats, check_integers, check_shape
from conform_kernels._config import LARGEST_HEAD, key_splits, padded_head, paged_tile
from conform_kernels._scores import LOG2E, load_tile
from conform_kernels.decode_attention import _merge

__all__ = ["paged_decode_attention"]


@triton.jit
def _page_tile(base, page, slot, d, keep, strides, D: tl.constexpr, BD: tl.constexpr):
    """base[page, slot, d] for one head of the pages; zero where not kept, or beyond D."""
    where = base + page * strides[0] + slot * strides[1]
    where = where[:, None] + d[None, :].to(tl.int64) * strides[3]
    keep = keep[:, None]
    if D < BD:
        keep = keep & (d < D)[None, :]
    return tl.load(where, mask=keep, other=0.0)


@triton.jit
def _paged_split(
    q, k, v, table, lengths, part, part_lse, heads, group, splits, chunk, sizes, scale, strides,
    D: tl.constexpr, BD: tl.constexpr, GROUP: tl.constexpr, KEYS: tl.constexpr,
):  # fmt: skip
    """Attention of a group's queries over one chunk of its keys: a partial result in float32.

    All query heads that share a key/value head are one tile, so each element of a page is read
    once for each sequence that lists it. sizes = (pages, rows a page, rows a sequence);
    strides = those of q, k and v (four each), of table (two) and of lengths. Key j lies in row
    j % rows of page table[j // rows]; a page that does not exist makes the result NaN.
    """
    split = tl.program_id(0) % splits
    kv_head = (tl.program_id(0) // splits).to(tl.int64)
    batch, kv = kv_head // (heads // group), kv_head % (heads // group)
    pages, rows = sizes[0], sizes[1]
    length = tl.load(lengths + batch * strides[4])
    length = tl.minimum(length, sizes[2])
    member = tl.arange(0, GROUP).to(tl.int64)
    d = tl.arange(0, BD)
    q += batch * strides[0][0] + kv * group * strides[0][1]
    queries = load_tile(q, member, d, group, (strides[0][1], strides[0][3]), D, True, BD)
    k += kv * strides[1][2]
    v += kv * strides[2][2]
    table += batch * strides[3][0]
    lo = split * chunk
    hi = tl.minimum(lo + chunk, length).to(tl.int32)
    acc = tl.zeros([GROUP, BD], tl.float32)
    total = tl.zeros([GROUP], tl.float32)
    top = tl.full([GROUP], -float("inf"), tl.float32)
    for start in range(lo, hi, KEYS):
        j = start + tl.arange(0, KEYS)
        seen = j < hi
        page = tl.load(table + (j // rows).to(tl.int64) * strides[3][1], mask=seen, other=0)
        page = page.to(tl.int64)
        exists = (page >= 0) & (page < pages)
        slot = (j % rows).to(tl.int64)
        keys = _page_tile(k, page, slot, d, seen & exists, strides[1], D, BD)
        s = tl.dot(queries, tl.trans(keys), input_precision="ieee") * (scale * LOG2E)
        s = tl.where(exists[None, :], s, float("nan"))
        s = tl.where(seen[None, :], s, -float("inf"))
        new = tl.maximum(top, tl.max(s, 1))
        # A row that has seen no key yet has no finite maximum to subtract.
        base = tl.where(new == -float("inf"), 0.0, new)
        p = tl.exp2(s - base[:, None])
        shrink = tl.exp2(top - base)
        total = total * shrink + tl.sum(p, 1)
        values = _page_tile(v, page, slot, d, seen & exists, strides[2], D, BD)
        acc = tl.dot(
            p.to(v.dtype.element_ty), values, acc * shrink[:, None], input_precision="ieee"
        )
        top = new
    # NaN is not zero: it must reach the result.
    some = total != 0
    total = tl.where(some, total, 1.0)
    row = (batch * heads + kv * group + member) * splits + split
    alive = member < group
    tl.store(part_lse + row, tl.where(some, top + tl.log2(total), -float("inf")), mask=alive)
    keep = alive[:, None] & (d < D)[None, :]
    tl.store(part + row[:, None] * D + d[None, :], acc / total[:, None], mask=keep)


def paged_decode_attention(
    q: Tensor,
    k_pages: Tensor,
    v_pages: Tensor,
    block_table: Tensor,
    lengths: Tensor,
    *,
    scale: float | None = None,
) -> Tensor:
    """softmax(scale q K^T) V over the first lengths[b] tokens of the pages it lists: [B, H, 1, D].

    q[B,H,1,D], k_pages and v_pages [P,b,K,D] of one dtype (float32, bfloat16, float16), any
    strides, D up to 256; block_table int[B,M], lengths int[B] from 0 to M b; query head h reads
    head h // (H // K). Token j of sequence n lies in row j % b of page block_table[n, j // b].
    Entries and rows at or beyond the length are not read; length 0 gives zeros. The keys are cut
    into parts that are merged by their log-sum-exps. An entry within the length that is no page is
    a ValueError; on a GPU, where looking would wait for the device, that sequence's result is NaN.
    Not differentiable: the result carries no gradient. Source: Kwon et al. 2023, arXiv:2309.06180.
    """
    check_floats(q=q, k_pages=k_pages, v_pages=v_pages)
    check_integers(block_table=block_table, lengths=lengths)
    check_device(q=q, block_table=block_table, lengths=lengths)
    if q.dim() != 4 or k_pages.dim() != 4 or block_table.dim() != 2:
        raise ValueError(
            f"q.shape={tuple(q.shape)}, k_pages.shape={tuple(k_pages.shape)}, "
            f"block_table.shape={tuple(block_table.shape)}; expected (B, H, 1, D), (P, b, K, D) "
            "and (B, M)"
        )
    batch, heads, _, size = q.shape
    pages, rows, kv_heads = k_pages.shape[:3]
    check_shape("q", q, (None, None, 1, None))
    check_shape("k_pages", k_pages, (None, None, None, size))
    check_shape("v_pages", v_pages, tuple(k_pages.shape))
    check_shape("block_table", block_table, (batch, None))
    check_shape("lengths", lengths, (batch,))
    if kv_heads < 1 or heads % kv_heads or not 1 <= size <= LARGEST_HEAD:
        raise ValueError(f"H={heads}, K={kv_heads}, D={size}; expected K to divide H and D <= 256")
    q, k_pages, v_pages = q.detach(), k_pages.detach(), v_pages.detach()
    o = torch.empty(batch, heads, 1, size, dtype=q.dtype, device=q.device)
    if not o.numel():
        return o
    if not q.is_cuda:
        _check_pages(block_table, lengths, pages, rows)
    capacity = block_table.shape[1] * rows
    splits = key_splits(q, batch * kv_heads, capacity)
    wide = padded_head(size)
    tile = paged_tile(wide, q.element_size())
    chunk = triton.cdiv(triton.cdiv(capacity, splits), tile.keys) * tile.keys
    part = torch.empty(batch, heads, splits, size, dtype=torch.float32, device=q.device)
    part_lse = torch.empty(batch, heads, splits, dtype=torch.float32, device=q.device)
    group = heads // kv_heads
    _paged_split[(batch * kv_heads * splits,)](
        q, k_pages, v_pages, block_table, lengths, part, part_lse, heads, group, splits, chunk,
        (pages, rows, capacity), 1 / math.sqrt(size) if scale is None else float(scale),
        (q.stride(), k_pages.stride(), v_pages.stride(), block_table.stride(), lengths.stride(0)),
        D=size, BD=wide, GROUP=max(16, triton.next_power_of_2(group)), KEYS=tile.keys,
        num_warps=4, num_stages=tile.num_stages,
    )  # fmt: skip
    _merge[(batch * heads,)](
        part, part_lse, o, splits, D=size, BD=wide, SPLITS=triton.next_power_of_2(splits)
    )
    return o


def _check_pages(table: Tensor, lengths: Tensor, pages: int, rows: int) -> None:
    """ValueError for a length outside of the table, or an entry within it that is no page."""
    low, high = int(lengths.amin()), int(lengths.amax())
    most = table.shape[1] * rows
    if low < 0 or high > most:
        raise ValueError(f"lengths from {low} to {high}; expected 0 to {most} (M * b)")
    first = torch.arange(table.shape[1], device=table.device) * rows
    used = table[first < lengths[:, None]]
    if used.numel() and not 0 <= int(used.min()) <= int(used.max()) < pages:
        low, high = int(used.min()), int(used.max())
        raise ValueError(f"block_table from {low} to {high}; expected pages from 0 to {pages - 1}")
