"""Tile sizes, warps and stages of all kernels: data, chosen by sizes and never tuned at run time.

Under the interpreter tiles are small, so that the short inputs that a CPU can afford still cross
tile edges; the code that runs is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

import torch
import triton
from torch import Tensor

from conform_kernels._interpreter import interpreting

LONGEST_ROW = 16384  # columns that one program keeps in registers; longer rows are walked


_FAMILIES = {"sm_90": "hopper", "sm_100": "blackwell", "sm_103": "blackwell"}
_ahead: ContextVar[str | None] = ContextVar("_ahead", default=None)


@contextmanager
def compiling_for(architecture: str) -> Iterator[None]:
    """Inside, tiles are those for "sm_90" or "gfx942", say, whatever GPU is there."""
    token = _ahead.set(architecture)
    try:
        yield
    finally:
        _ahead.reset(token)


def architecture() -> str:
    """Of the current GPU, or what is compiled for ahead of time: "sm_90", "gfx942"."""
    ahead = _ahead.get()
    if ahead is not None:
        return ahead
    target = triton.runtime.driver.active.get_current_target()
    return f"sm_{target.arch}" if target.backend == "cuda" else str(target.arch)


def family() -> str:
    """Whose tiles are taken: "blackwell", "hopper", "ampere" or "amd".

    The first two have 227 KiB of shared memory a block, AMD's have 64 KiB and waves of 64. Ampere's
    tiles stay below 99 KiB, for the consumer GPUs that share them.
    """
    name = architecture()
    if not name.startswith("sm_"):
        return "amd"
    return _FAMILIES.get(name, "ampere")


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


# By family: (largest padded head size, bytes of an element) -> tile; the first that fits is taken.
_Tiles = tuple[tuple[int, int, AttentionTile], ...]
_FORWARD: dict[str, _Tiles] = {
    "blackwell": (
        (64, 2, AttentionTile(128, 64, 8, 3)),
        (128, 2, AttentionTile(128, 64, 8, 2)),
        (256, 2, AttentionTile(64, 32, 8, 2)),
        (64, 4, AttentionTile(32, 32, 4, 2)),
        (256, 4, AttentionTile(32, 32, 8, 1)),
    ),
    "hopper": (
        (64, 2, AttentionTile(128, 64, 8, 3)),
        (128, 2, AttentionTile(128, 64, 8, 3)),
        (256, 2, AttentionTile(64, 32, 8, 2)),
        (64, 4, AttentionTile(32, 32, 4, 2)),
        (256, 4, AttentionTile(32, 32, 8, 1)),
    ),
    "ampere": (
        (64, 2, AttentionTile(128, 64, 8, 3)),
        (128, 2, AttentionTile(128, 32, 8, 3)),
        (256, 2, AttentionTile(64, 32, 8, 2)),
        (64, 4, AttentionTile(32, 32, 4, 2)),
        (256, 4, AttentionTile(32, 32, 8, 1)),
    ),
    "amd": (
        (128, 2, AttentionTile(128, 32, 4, 1)),
        (256, 2, AttentionTile(64, 32, 4, 1)),
        (256, 4, AttentionTile(32, 32, 4, 1)),
    ),
}
# Of the kernel that walks over keys and writes dq.
_BACKWARD_QUERIES: dict[str, _Tiles] = {
    "blackwell": (
        (64, 2, AttentionTile(128, 64, 8, 2)),
        (128, 2, AttentionTile(128, 32, 8, 2)),
        (256, 2, AttentionTile(32, 32, 4, 1)),
        (64, 4, AttentionTile(32, 32, 4, 2)),
        (128, 4, AttentionTile(32, 16, 8, 1)),
        (256, 4, AttentionTile(16, 16, 4, 1)),
    ),
    "hopper": (
        (64, 2, AttentionTile(128, 64, 8, 2)),
        (128, 2, AttentionTile(128, 64, 8, 2)),
        (256, 2, AttentionTile(32, 32, 4, 1)),
        (64, 4, AttentionTile(32, 32, 4, 2)),
        (128, 4, AttentionTile(32, 16, 8, 1)),
        (256, 4, AttentionTile(16, 16, 4, 1)),
    ),
    "ampere": (
        (64, 2, AttentionTile(64, 64, 4, 2)),
        (128, 2, AttentionTile(128, 32, 8, 2)),
        (256, 2, AttentionTile(32, 32, 4, 1)),
        (64, 4, AttentionTile(32, 32, 4, 2)),
        (128, 4, AttentionTile(32, 16, 8, 1)),
        (256, 4, AttentionTile(16, 16, 4, 1)),
    ),
    "amd": (
        (128, 2, AttentionTile(64, 32, 4, 1)),
        (256, 2, AttentionTile(32, 32, 4, 1)),
        (64, 4, AttentionTile(32, 32, 4, 1)),
        (256, 4, AttentionTile(16, 16, 4, 1)),
    ),
}
# Of the kernel that walks over queries and writes dk and dv.
_BACKWARD_KEYS: dict[str, _Tiles] = {
    "blackwell": (
        (64, 2, AttentionTile(64, 64, 8, 2)),
        (128, 2, AttentionTile(32, 64, 8, 2)),
        (256, 2, AttentionTile(32, 32, 8, 1)),
        (64, 4, AttentionTile(32, 32, 4, 2)),
        (128, 4, AttentionTile(32, 32, 8, 1)),
        (256, 4, AttentionTile(16, 16, 8, 1)),
    ),
    "hopper": (
        (64, 2, AttentionTile(64, 64, 8, 2)),
        (128, 2, AttentionTile(32, 128, 8, 2)),
        (256, 2, AttentionTile(32, 32, 8, 1)),
        (64, 4, AttentionTile(32, 32, 4, 2)),
        (128, 4, AttentionTile(32, 32, 8, 1)),
        (256, 4, AttentionTile(16, 16, 8, 1)),
    ),
    "ampere": (
        (64, 2, AttentionTile(32, 64, 4, 2)),
        (128, 2, AttentionTile(32, 64, 8, 2)),
        (256, 2, AttentionTile(32, 32, 8, 1)),
        (64, 4, AttentionTile(32, 32, 8, 1)),
        (128, 4, AttentionTile(32, 32, 8, 1)),
        (256, 4, AttentionTile(16, 16, 8, 1)),
    ),
    "amd": (
        (128, 2, AttentionTile(32, 64, 4, 1)),
        (256, 2, AttentionTile(32, 32, 4, 1)),
        (64, 4, AttentionTile(32, 32, 4, 1)),
        (256, 4, AttentionTile(16, 16, 4, 1)),
    ),
}
_INTERPRETED = AttentionTile(64, 32, 4, 1)
LARGEST_HEAD = 256


def _first(table: dict[str, _Tiles], head: int, itemsize: int, extras: bool) -> AttentionTile:
    if interpreting():
        return _INTERPRETED
    tiles = table[family()]
    tile = next(tile for size, width, tile in tiles if head <= size and itemsize == width)
    # Tiles of bias and mask are staged in shared memory, too.
    return replace(tile, num_stages=max(1, tile.num_stages - 1)) if extras else tile


def forward_tile(head: int, itemsize: int, extras: bool = False) -> AttentionTile:
    """For attention forward with padded heads of `head` features; extras: a bias or a mask."""
    return _first(_FORWARD, head, itemsize, extras)


def backward_queries_tile(head: int, itemsize: int, extras: bool = False) -> AttentionTile:
    """For attention's dq with padded heads of `head` features; extras: a bias or a mask."""
    return _first(_BACKWARD_QUERIES, head, itemsize, extras)


def backward_keys_tile(head: int, itemsize: int, extras: bool = False) -> AttentionTile:
    """For attention's dk and dv with padded heads of `head` features; extras: bias or mask."""
    return _first(_BACKWARD_KEYS, head, itemsize, extras)


def backward_tile(head: int, itemsize: int) -> AttentionTile:
    """For attention's backward where one launch makes both gradients, or tiles are alike."""
    return _first(_BACKWARD_KEYS, head, itemsize, False)


def padded_head(size: int) -> int:
    """The power of two, at least 16, that tensor cores take for a head of `size` features."""
    return max(16, triton.next_power_of_2(size))


def key_splits(x: Tensor, programs: int, length: int) -> int:
    """Into how many parts decoding cuts the keys, so that all processors have work."""
    if interpreting():
        return max(1, min(3, triton.cdiv(length, 32)))
    processors = torch.cuda.get_device_properties(x.device).multi_processor_count
    return max(1, min(2 * processors // max(programs, 1), triton.cdiv(length, 256)))


@dataclass(frozen=True)
class StateTile:
    """Linear attention: `chunk` positions a step, `part` columns of the state a program."""

    chunk: int
    part: int
    num_warps: int
    num_stages: int


# By family, then by bytes of an element.
_STATE = {
    "blackwell": {2: StateTile(32, 32, 8, 1), 4: StateTile(16, 32, 8, 1)},
    "hopper": {2: StateTile(32, 32, 8, 1), 4: StateTile(16, 32, 8, 1)},
    "ampere": {2: StateTile(32, 64, 8, 1), 4: StateTile(16, 32, 8, 1)},
    "amd": {2: StateTile(32, 64, 4, 1), 4: StateTile(32, 32, 4, 1)},
}


def state_tile(itemsize: int) -> StateTile:
    """For linear attention on elements of `itemsize` bytes; its state is float32."""
    return StateTile(32, 32, 4, 1) if interpreting() else _STATE[family()][itemsize]


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


@dataclass(frozen=True)
class RouteTile:
    """A router: `tokens` x all experts (`experts`, padded), `inner` features at a time."""

    tokens: int
    experts: int
    inner: int
    num_warps: int
    num_stages: int


MOST_EXPERTS = 512  # a token's probabilities stay in registers


def route_tile(experts: int, itemsize: int) -> RouteTile:
    """For a router of `experts`: fewer tokens where the probabilities of one take more room."""
    wide = padded_head(experts)
    if interpreting():
        return RouteTile(16, wide, 32, 4, 1)
    # All experts' columns of the matrix are staged: 16 KiB a stage, where there are not too many.
    inner = max(16, min(64, 16384 // (wide * itemsize)))
    return RouteTile(max(16, min(64, 4096 // wide)), wide, inner, 4 if wide < 512 else 8, 2)


@dataclass(frozen=True)
class CountTile:
    """Counting choices: `block` assignments x `experts`; counts of `blocks` blocks at a time."""

    block: int
    experts: int
    blocks: int
    num_warps: int


def count_tile() -> CountTile:
    """For the running count of each expert's assignments."""
    return CountTile(32, 4, 2, 4) if interpreting() else CountTile(256, 16, 64, 4)


# (most rows an expert gets in the mean, bytes of an element) -> tile; the first that fits.
_GROUPED = (
    (16, 2, MatmulTile(16, 128, 64, 4, 4)),
    (64, 2, MatmulTile(64, 128, 64, 4, 3)),
    (None, 2, MatmulTile(128, 128, 64, 8, 3)),
    (16, 4, MatmulTile(16, 64, 32, 4, 3)),
    (None, 4, MatmulTile(32, 32, 32, 4, 2)),
)
GROUPED_TILES = tuple((width, tile) for _, width, tile in _GROUPED)
ROW_TILES_TOGETHER = 8  # neighbouring programs share a column of weights between as many row tiles


def grouped_tile(rows: int, groups: int, itemsize: int) -> MatmulTile:
    """For one product a group of rows (an expert's tokens), `rows` of them in `groups` groups."""
    if interpreting():
        return MatmulTile(16, 16, 16, 4, 1)
    mean = triton.cdiv(rows, max(groups, 1))
    return next(
        tile
        for most, width, tile in _GROUPED
        if width == itemsize and (most is None or mean <= most)
    )


def paged_tile(head: int, itemsize: int) -> AttentionTile:
    """For decoding over pages: fewer keys than attention takes where float32 rows are long."""
    tile = forward_tile(head, itemsize)
    return tile if interpreting() or itemsize == 2 else replace(tile, keys=16)


LARGEST_LATENT = 512  # features of a latent that one program accumulates


def latent_tile(latent: int, itemsize: int) -> AttentionTile:
    """For decoding over latents of `latent` features: heads (as queries) x keys."""
    if interpreting():
        return AttentionTile(16, 16, 4, 1)
    if itemsize == 4:
        return AttentionTile(16, 16, 8, 1)
    return AttentionTile(16, 32 if latent > 256 else 64, 4, 2)


@dataclass(frozen=True)
class ProductTile:
    """Products of two sets of vectors: `rows` x `columns` of them, `inner` features at a time.

    whole: that is all features, so that vectors stay in registers.
    """

    rows: int
    columns: int
    inner: int
    whole: bool
    num_warps: int
    num_stages: int


# (most features, bytes of an element) -> rows, columns, warps, stages where all features fit.
_WHOLE_PRODUCTS = (
    (64, 2, (128, 64, 8, 2)),
    (128, 2, (128, 64, 8, 2)),
    (256, 2, (64, 32, 8, 2)),
    (64, 4, (32, 32, 4, 2)),
    (128, 4, (32, 32, 4, 1)),
)
_LONG_PRODUCTS = {2: (128, 128, 64, 8, 3), 4: (32, 32, 32, 4, 2)}
_LARGEST_BLOCK = 1 << 26  # slopes that lie in memory at a time


def product_tile(features: int, itemsize: int) -> ProductTile:
    """For softmax over products of vectors of `features`: kept whole in registers, or walked."""
    wide = padded_head(features)
    if interpreting():
        return ProductTile(32, 32, min(wide, 32) if wide > 64 else wide, wide <= 64, 4, 1)
    for most, width, (rows, columns, warps, stages) in _WHOLE_PRODUCTS:
        if wide <= most and itemsize == width:
            columns = min(columns, 32) if family() == "amd" else columns
            return ProductTile(rows, columns, wide, True, warps, stages)
    rows, columns, inner, warps, stages = _LONG_PRODUCTS[itemsize]
    return ProductTile(rows, columns, inner, False, warps, stages)


def low_rank_tile(rank: int, itemsize: int) -> MatmulTile:
    """For a product with an update of `rank`, whose inner product of that width stays, too."""
    tile = matmul_tile(itemsize)
    if interpreting() or rank <= (128 if itemsize == 2 else 32):
        return tile
    if itemsize == 2:
        return replace(tile, rows=64)
    if rank > 64:
        return replace(tile, rows=16, num_warps=16, num_stages=1)
    return replace(tile, rows=16, num_warps=8)


def slope_lines(others: int, tile: ProductTile) -> int:
    """How many lines' slopes with `others` are stored at a time: whole tiles, at least one."""
    most = 64 if interpreting() else _LARGEST_BLOCK // max(others, 1)
    return max(1, most // tile.rows) * tile.rows


def column_splits(x: Tensor, programs: int, columns: int, tile: int) -> int:
    """Columns a split, a multiple of `tile`: few row tiles share the walk over many columns."""
    most = max(1, triton.cdiv(columns, tile))
    if interpreting():
        splits = 2
    else:
        processors = torch.cuda.get_device_properties(x.device).multi_processor_count
        # A split of fewer than 16 tiles costs more to merge than it gains.
        splits = min(triton.cdiv(2 * processors, max(programs, 1)), triton.cdiv(most, 16))
    return triton.cdiv(most, max(1, splits)) * tile
