"""Who gets which place: a running count of each expert's assignments, in parallel and stable.

Assignments are served all first choices before any second choice, earlier tokens first: number
a = rank * tokens + token. Blocks of them are counted by expert, the counts of blocks are added up,
and each assignment's place is what came before it. No atomics: the same call gives the same bits.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from conform_kernels._config import CountTile, count_tile


@triton.jit
def _chosen(indices, block, experts, first, sizes, strides, BLOCK: tl.constexpr, N: tl.constexpr):
    """(token, rank, expert n, whether the block's assignments chose it) for N experts."""
    tokens, ranks = sizes[0], sizes[1]
    a = block.to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    token, rank = a % tokens, a // tokens
    where = indices + token * strides[0] + rank * strides[1]
    choice = tl.load(where, mask=rank < ranks, other=-1).to(tl.int32)
    n = first + tl.arange(0, N)
    hit = (choice[:, None] == n[None, :]) & (n < experts)[None, :]
    return token, rank, n, hit.to(tl.int32)


@triton.jit
def count_kernel(indices, counts, sizes, strides, BLOCK: tl.constexpr, EXPERTS: tl.constexpr):
    """counts[block, expert] of one block of assignments and a tile of experts.

    sizes = (tokens, ranks, experts); strides = those of indices[tokens, ranks].
    """
    tiles = tl.cdiv(sizes[2], EXPERTS)
    block, first = tl.program_id(0) // tiles, tl.program_id(0) % tiles * EXPERTS
    _, _, n, hit = _chosen(indices, block, sizes[2], first, sizes, strides, BLOCK, EXPERTS)
    where = counts + block.to(tl.int64) * sizes[2] + n
    tl.store(where, tl.sum(hit, 0), mask=n < sizes[2])


@triton.jit
def scan_kernel(counts, loads, blocks, experts, BLOCKS: tl.constexpr, EXPERTS: tl.constexpr):
    """counts[block, expert] become those of the blocks before, loads[expert] those of all."""
    n = tl.program_id(0) * EXPERTS + tl.arange(0, EXPERTS)
    carry = tl.zeros([EXPERTS], tl.int32)
    for start in range(0, blocks, BLOCKS):
        b = (start + tl.arange(0, BLOCKS)).to(tl.int64)
        keep = (b < blocks)[:, None] & (n < experts)[None, :]
        where = counts + b[:, None] * experts + n[None, :]
        own = tl.load(where, mask=keep, other=0)
        tl.store(where, carry[None, :] + tl.cumsum(own, 0) - own, mask=keep)
        carry += tl.sum(own, 0)
    tl.store(loads + n, carry, mask=n < experts)


@triton.jit
def place_kernel(
    indices, counts, offsets, kept, slots, order, sizes, capacity, strides,
    BLOCK: tl.constexpr, EXPERTS: tl.constexpr,
):  # fmt: skip
    """Whether each assignment is kept, and its slot among the rows sorted by expert.

    kept (uint8) and slots (int64, -1 where dropped) are [tokens, ranks], contiguous; order[slot] is
    token * ranks + rank. Either kept, or slots, order and offsets may be None.
    """
    tiles = tl.cdiv(sizes[2], EXPERTS)
    block, first = tl.program_id(0) // tiles, tl.program_id(0) % tiles * EXPERTS
    token, rank, n, hit = _chosen(indices, block, sizes[2], first, sizes, strides, BLOCK, EXPERTS)
    where = counts + block.to(tl.int64) * sizes[2] + n
    before = tl.load(where, mask=n < sizes[2], other=0)
    place = tl.sum((before[None, :] + tl.cumsum(hit, 0) - hit) * hit, 1)
    own = tl.sum(hit, 1) > 0
    fits = place < capacity
    assignment = token * sizes[1] + rank
    if kept is not None:
        tl.store(kept + assignment, fits.to(tl.uint8), mask=own)
    if slots is not None:
        base = tl.load(offsets + n, mask=n < sizes[2], other=0)
        slot = tl.sum(base[None, :] * hit, 1) + place
        tl.store(slots + assignment, tl.where(fits, slot, -1), mask=own)
        tl.store(order + slot, assignment, mask=own & fits)


def _counted(indices: Tensor, experts: int, tile: CountTile) -> tuple[Tensor, Tensor]:
    """indices[T, k] -> (counts before each block int32[blocks, experts], loads int32[experts])."""
    blocks = triton.cdiv(indices.numel(), tile.block)
    counts = torch.empty(blocks, experts, dtype=torch.int32, device=indices.device)
    loads = torch.empty(experts, dtype=torch.int32, device=indices.device)
    tiles = triton.cdiv(experts, tile.experts)
    count_kernel[(blocks * tiles,)](
        indices, counts, (*indices.shape, experts), indices.stride(),
        BLOCK=tile.block, EXPERTS=tile.experts, num_warps=tile.num_warps,
    )  # fmt: skip
    scan_kernel[(tiles,)](
        counts, loads, blocks, experts,
        BLOCKS=tile.blocks, EXPERTS=tile.experts, num_warps=tile.num_warps,
    )  # fmt: skip
    return counts, loads


def _placed(
    indices: Tensor, counts: Tensor, offsets: Tensor | None, kept: Tensor | None,
    slots: Tensor | None, order: Tensor | None, capacity: int, tile: CountTile,
) -> None:  # fmt: skip
    experts = counts.shape[1]
    place_kernel[(counts.shape[0] * triton.cdiv(experts, tile.experts),)](
        indices, counts, offsets, kept, slots, order, (*indices.shape, experts), capacity,
        indices.stride(), BLOCK=tile.block, EXPERTS=tile.experts, num_warps=tile.num_warps,
    )  # fmt: skip


def keep(indices: Tensor, experts: int, capacity: int) -> Tensor:
    """indices int[T, k], not empty, in 0 .. experts - 1 -> bool[T, k]: who finds a place."""
    kept = torch.empty(indices.shape, dtype=torch.bool, device=indices.device)
    tile = count_tile()
    counts, _ = _counted(indices, experts, tile)
    _placed(indices, counts, None, kept.view(torch.uint8), None, None, capacity, tile)
    return kept


class Groups(NamedTuple):
    """Kept assignments sorted by expert, in the order of service within each.

    slots int64[T, k]: an assignment's row, -1 where dropped; order int64[rows]: the assignment
    token * k + rank of each row; offsets int32[experts + 1]: where each expert's rows begin. There
    is room for `rows` of them; how many are in use is known on the device alone.
    """

    slots: Tensor
    order: Tensor
    offsets: Tensor
    rows: int


def group(indices: Tensor, experts: int, capacity: int | None) -> Groups:
    """Sort the assignments indices int[T, k], not empty, by expert; None drops nothing."""
    most = indices.numel() if capacity is None else min(indices.numel(), experts * capacity)
    limit = indices.numel() if capacity is None else capacity
    tile, device = count_tile(), indices.device
    counts, loads = _counted(indices, experts, tile)
    offsets = torch.zeros(experts + 1, dtype=torch.int32, device=device)
    torch.cumsum(loads.clamp(max=limit), 0, dtype=torch.int32, out=offsets[1:])
    slots = torch.empty(indices.shape, dtype=torch.int64, device=device)
    order = torch.empty(most, dtype=torch.int64, device=device)
    _placed(indices, counts, offsets, None, slots, order, limit, tile)
    return Groups(slots, order, offsets, most)
