"""Memory layouts: the same values behind other strides, inside buffers with canary margins."""

from __future__ import annotations

from dataclasses import dataclass

import torch

# Elements before and after every view: no multiple of 4, so that nothing stays aligned by chance;
# even, since torch itself takes no pair of real numbers for a complex one at an odd place.
MARGIN = 6
_INT_CANARY = 0x5A5A5A5A


@dataclass(frozen=True)
class Placed:
    """A one-dimensional buffer and the view of it that is passed."""

    storage: torch.Tensor
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int

    def view(self) -> torch.Tensor:
        """The tensor that the target sees."""
        return torch.as_strided(self.storage, self.shape, self.strides, self.offset)


def _canary(dtype: torch.dtype) -> float | int | bool:
    if dtype.is_floating_point:
        return float("nan")
    return False if dtype == torch.bool else _INT_CANARY


def place(values: torch.Tensor, layout: str) -> Placed:
    """Put `values` (any shape, any dtype) into a fresh buffer under a layout.

    contiguous: as torch.empty would; transposed: the last two dims swapped in memory, of one dim
    every other element; swapped: the two before the last (heads and length, say), where there are
    as many, as sliced elsewhere; channels_last: the second of four or more innermost, as image
    libraries keep features, as transposed elsewhere; sliced: every row, and every matrix of
    several, padded inside a larger buffer, as a cache is that is not full; pitched: rows padded
    alone, as queries are that were split off a joint projection: such a tensor has a view as one
    matrix, whose rows do not follow each other; cut: rows do and matrices do not, as without the
    last row of each; parted: only what the first dim counts lies apart, as the first tokens of
    sequences in a longer buffer do; misaligned: starts two elements late; expanded:AXIS,AXIS:
    stride 0 along those axes, whose values must be equal. All but the first have NaN margins.
    """
    shape = tuple(values.shape)
    if layout == "contiguous" or values.numel() == 0 or not shape:
        flat = values.contiguous().reshape(-1)
        flat = flat.clone() if flat.numel() else flat.new_zeros(1)
        return Placed(flat, shape, _row_major(shape), 0)
    if layout.startswith("expanded:"):
        return _expanded(values, [int(axis) for axis in layout.split(":")[1].split(",")])
    if layout == "channels_last" and len(shape) < 4:
        layout = "transposed"
    if layout == "transposed" and len(shape) == 1:
        return _put(values, (2,), MARGIN)
    if layout in ("transposed", "channels_last") or (layout == "swapped" and len(shape) >= 3):
        order = (*range(len(shape) - 2), len(shape) - 1, len(shape) - 2)
        if layout == "swapped":
            order = (*range(len(shape) - 3), len(shape) - 2, len(shape) - 3, len(shape) - 1)
        if layout == "channels_last":
            order = (0, *range(2, len(shape)), 1)
        inner = _padded([shape[axis] for axis in order], 0)
        strides = tuple(inner[order.index(axis)] for axis in range(len(shape)))
        return _put(values, strides, MARGIN)
    if layout == "misaligned":
        return _put(values, _row_major(shape), 2)
    unused = {"cut": (0, 1), "pitched": (2, 0), "parted": (0, 0, 1)}.get(layout, (2, 1))  # sliced
    return _put(values, _padded(list(shape), *unused), MARGIN)


def _row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    return _padded(list(shape), 0)


def _padded(shape: list[int], extra: int, rows: int = 0, first: int = 0) -> tuple[int, ...]:
    """Row-major strides: rows have `extra` unused elements, matrices unused `rows`, and what the
    first dim counts `first` unused ones of the second."""
    strides, step, last = [1] * len(shape), 1, len(shape) - 1
    for axis in range(last, -1, -1):
        strides[axis] = step
        unused = {1: first, last: extra if last else 0, last - 1: rows}
        step *= max(shape[axis], 1) + unused.get(axis, 0)
    return tuple(strides)


def _put(values: torch.Tensor, strides: tuple[int, ...], offset: int) -> Placed:
    span = 1 + sum((n - 1) * s for n, s in zip(values.shape, strides, strict=True))
    storage = torch.full((offset + span + MARGIN,), _canary(values.dtype), dtype=values.dtype)
    placed = Placed(storage, tuple(values.shape), strides, offset)
    placed.view().copy_(values)
    return placed


def _expanded(values: torch.Tensor, axes: list[int]) -> Placed:
    first = values
    for axis in axes:
        first = first.narrow(axis, 0, 1)
    single = place(first, "sliced")
    strides = tuple(0 if i in axes else s for i, s in enumerate(single.strides))
    return Placed(single.storage, tuple(values.shape), strides, single.offset)
