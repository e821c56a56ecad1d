"""Tile sizes, warps and stages of all kernels: data, chosen by sizes and never tuned at run time.

Under the interpreter tiles are small, so that the short inputs that a CPU can afford still cross
tile edges; the code that runs is the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import triton
from torch import Tensor

from conform_kernels._interpreter import interpreting

LONGEST_ROW = 16384  # columns that one program keeps in registers; longer rows are walked


@dataclass(frozen=True)
class RowTile:
    """A kernel over rows: `rows` x `columns` elements at a time; `whole`: a row fits a tile."""

    rows: int
    columns: int
    whole: bool
    num_warps: int


@dataclass(frozen=True)
class FlatTile:
    """An elementwise kernel: `elements` at a time."""

    elements: int
    num_warps: int


@dataclass(frozen=True)
class AttentionTile:
    """A kernel over queries x keys."""

    queries: int
    keys: int
    num_warps: int
    num_stages: int


@dataclass(frozen=True)
class RopeTile:
    """Positions at a time."""

    positions: int
    num_warps: int


def row_tile(columns: int) -> RowTile:
    """For rows of `columns` elements: short rows are taken several at a time."""
    longest = 64 if interpreting() else LONGEST_ROW
    width = min(triton.next_power_of_2(max(columns, 1)), longest)
    rows = 32 if interpreting() else max(1, 1024 // width)
    warps = 4 if width <= 4096 else 8 if width <= 8192 else 16
    return RowTile(rows, width, columns <= width, warps)


def flat_tile() -> FlatTile:
    """For elementwise kernels."""
    return FlatTile(2048, 4) if interpreting() else FlatTile(1024, 4)


def rope_tile(pairs: int) -> RopeTile:
    """For `pairs` rotated pairs a head."""
    if interpreting():
        return RopeTile(32, 4)
    return RopeTile(max(1, 2048 // triton.next_power_of_2(max(pairs, 1))), 4)


def partial_rows(x: Tensor, rows: int, tile: RowTile) -> int:
    """How many programs share a reduction over rows: each leaves one partial sum."""
    blocks = triton.cdiv(rows, tile.rows)
    if interpreting():
        return min(blocks, 2)
    processors = torch.cuda.get_device_properties(x.device).multi_processor_count
    return min(blocks, 4 * processors)


# (largest padded head size, bytes of an element) -> tile; the first row that fits is taken.
_FORWARD = (
    (64, 2, AttentionTile(128, 64, 4, 3)),
    (128, 2, AttentionTile(128, 64, 8, 3)),
    (256, 2, AttentionTile(64, 32, 8, 2)),
    (64, 4, AttentionTile(32, 32, 4, 2)),
    (128, 4, AttentionTile(32, 32, 4, 2)),
    (256, 4, AttentionTile(32, 32, 4, 1)),
)
_BACKWARD = (
    (64, 2, AttentionTile(64, 64, 4, 2)),
    (128, 2, AttentionTile(64, 64, 8, 2)),
    (256, 2, AttentionTile(32, 32, 4, 1)),
    (64, 4, AttentionTile(32, 32, 4, 2)),
    (128, 4, AttentionTile(32, 32, 4, 1)),
    (256, 4, AttentionTile(16, 16, 4, 1)),
)
_INTERPRETED = AttentionTile(64, 32, 4, 1)
LARGEST_HEAD = 256


def _first(
    table: tuple[tuple[int, int, AttentionTile], ...], head: int, itemsize: int, extras: bool
) -> AttentionTile:
    if interpreting():
        return _INTERPRETED
    tile = next(tile for size, width, tile in table if head <= size and itemsize == width)
    # Tiles of bias and mask are staged in shared memory, too.
    return replace(tile, num_stages=max(1, tile.num_stages - 1)) if extras else tile


def forward_tile(head: int, itemsize: int, extras: bool = False) -> AttentionTile:
    """For attention forward with padded heads of `head` features; extras: a bias or a mask."""
    return _first(_FORWARD, head, itemsize, extras)


def backward_tile(head: int, itemsize: int, extras: bool = False) -> AttentionTile:
    """For attention backward with padded heads of `head` features; extras: a bias or a mask."""
    return _first(_BACKWARD, head, itemsize, extras)


def padded_head(size: int) -> int:
    """The power of two, at least 16, that tensor cores take for a head of `size` features."""
    return max(16, triton.next_power_of_2(size))


def key_splits(x: Tensor, programs: int, length: int) -> int:
    """Into how many parts decoding cuts the keys, so that all processors have work."""
    if interpreting():
        return max(1, min(3, triton.cdiv(length, 32)))
    processors = torch.cuda.get_device_properties(x.device).multi_processor_count
    return max(1, min(2 * processors // max(programs, 1), triton.cdiv(length, 256)))


def chunk_tile() -> AttentionTile:
    """For linear attention: how many positions one step of the recurrence takes."""
    return AttentionTile(32, 32, 4, 1) if interpreting() else AttentionTile(64, 64, 8, 1)


LARGEST_STATE = 128  # features of keys and of values in linear attention's state


@dataclass(frozen=True)
class MatmulTile:
    """A product: `rows` x `columns` of the result, `inner` of the summed dimension at a time."""

    rows: int
    columns: int
    inner: int
    num_warps: int
    num_stages: int


def matmul_tile(itemsize: int) -> MatmulTile:
    """For products of matrices whose elements have `itemsize` bytes."""
    if interpreting():
        return MatmulTile(32, 32, 32, 4, 1)
    return MatmulTile(128, 128, 32, 8, 3) if itemsize == 2 else MatmulTile(32, 32, 32, 4, 2)
