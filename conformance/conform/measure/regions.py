"""Pieces of memory by address: whose they are, what was moved, what has been written."""

from __future__ import annotations

import bisect
import weakref
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
import torch

from conform.measure.record import Key

SECTOR = 32
Array = np.ndarray[Any, np.dtype[Any]]


class Role(Enum):
    """Whose memory a region is."""

    ARGUMENT = "argument"
    FRESH = "fresh"  # allocated within the metered call
    OTHER = "other"  # there before, and no argument: a cache or a constant of the target


class Span(NamedTuple):
    """The bytes that accesses of `itemsize` bytes touch, from `low` up to `end`.

    `addresses` is None where they lie one after the other without a gap: the frequent case.
    """

    low: int
    end: int
    itemsize: int
    addresses: Array | None = None

    @classmethod
    def of(cls, addresses: Array, itemsize: int) -> Span:
        """The span of an array of at least one address."""
        low, last = int(addresses[0]), int(addresses[-1])
        if last - low == (addresses.size - 1) * itemsize:
            steps = addresses[1:] - addresses[:-1]
            if bool((steps == itemsize).all()):
                return cls(low, last + itemsize, itemsize)
        return cls(int(addresses.min()), int(addresses.max()) + itemsize, itemsize, addresses)

    def each(self) -> Array:
        """Every address, also of a span without gaps."""
        if self.addresses is not None:
            return self.addresses
        return np.arange(self.low, self.end, self.itemsize, dtype=np.uint64)

    def pieces(self, start: int, unit: int) -> Array | slice:
        """Numbers of the pieces of `unit` bytes, a power of two, counted from `start` on."""
        if self.addresses is None:
            return slice((self.low - start) // unit, -(-(self.end - start) // unit))
        shift = unit.bit_length() - 1
        offsets = self.addresses.view(np.int64) - start
        if unit >= self.itemsize:
            offsets >>= shift
            return offsets
        spread = np.arange(0, self.itemsize, unit, dtype=np.int64)
        wide: Array = (offsets[:, None] + spread) >> shift
        return wide.reshape(-1)


class Written:
    """Which elements of memory that began without values hold one, and which were read before."""

    def __init__(self, start: int, size: int, itemsize: int) -> None:
        self.start = start
        self.unit = itemsize if size % itemsize == 0 else 1
        self.has = np.zeros(size // self.unit, bool)
        self.missed = np.zeros(size // self.unit, bool)

    def _pieces(self, span: Span) -> Array | slice:
        if span.itemsize < self.unit:
            factor = self.unit // span.itemsize
            self.unit = span.itemsize
            self.has, self.missed = (np.repeat(x, factor) for x in (self.has, self.missed))
        return span.pieces(self.start, self.unit)

    def read(self, span: Span) -> None:
        """Remember which of the elements read have no value."""
        at = self._pieces(span)
        self.missed[at] |= ~self.has[at]

    def write(self, span: Span, holds: bool | Array = True) -> None:
        """These elements hold a value from now on, or do not: copies of what has none."""
        self.has[self._pieces(span)] = holds

    def holds(self, span: Span) -> Array:
        """For each address whether there is a value."""
        at = self._pieces(Span(span.low, span.end, span.itemsize, span.each()))
        return np.asarray(self.has[at].reshape(-1, max(1, span.itemsize // self.unit)).all(1))

    @property
    def complete(self) -> bool:
        """Whether every element holds a value."""
        return bool(self.has.all())


class Region:
    """One storage. `written` is None where every element had a value from the start."""

    def __init__(self, start: int, size: int, role: Role, key: Key | None) -> None:
        self.start, self.end = start, start + size
        self.role, self.key = role, key
        self.read_bytes = self.written_bytes = 0
        self.is_result = False
        self.written: Written | None = None
        self._sectors: Array | None = None

    def touch(self, span: Span) -> None:
        """Remember the sectors of these addresses."""
        first = self.start // SECTOR * SECTOR
        if self._sectors is None:
            # Zeros are committed by the system when they are first touched.
            self._sectors = np.zeros((self.end - first - 1) // SECTOR + 1, bool)
        self._sectors[span.pieces(first, SECTOR)] = True

    @property
    def sectors(self) -> int:
        """How many distinct sectors were touched."""
        return 0 if self._sectors is None else int(np.count_nonzero(self._sectors))

    @property
    def unwritten(self) -> int:
        """How many elements were read before anybody had written them."""
        return 0 if self.written is None else int(np.count_nonzero(self.written.missed))


class Regions:
    """All regions that are alive, ordered by address; `ended` hears of those that are freed."""

    def __init__(self, ended: Callable[[Region], None]) -> None:
        self._starts: list[int] = []
        self._regions: list[Region] = []
        self._alive: dict[int, Any] = {}
        self._ended = ended
        self._last: Region | None = None

    def __iter__(self) -> Iterator[Region]:
        return iter(self._regions)

    def add(self, storage: torch.UntypedStorage, role: Role, key: Key | None = None) -> Region:
        """The storage's region; a new one ends when the storage does."""
        start, size = storage.data_ptr(), storage.nbytes()
        known = self.starting_at(start)
        if known is not None and known.end - known.start == size:
            return known
        if known is not None:  # resized in place
            self._remove(known)
        region = Region(start, size, role, key)
        at = bisect.bisect_left(self._starts, start)
        self._starts.insert(at, start)
        self._regions.insert(at, region)
        self._alive[start] = weakref.ref(storage, lambda _: self._remove(region))
        return region

    def _remove(self, region: Region) -> None:
        at = bisect.bisect_left(self._starts, region.start)
        if at < len(self._regions) and self._regions[at] is region:
            del self._starts[at], self._regions[at]
            self._alive.pop(region.start, None)
            self._last = None
            self._ended(region)

    def starting_at(self, address: int) -> Region | None:
        """The region of the storage at this address."""
        at = bisect.bisect_left(self._starts, address)
        found = at < len(self._starts) and self._starts[at] == address
        return self._regions[at] if found else None

    def holding(self, span: Span) -> Region | None:
        """The one region that holds all of a span, if there is one."""
        low, end = span.low, span.end
        last = self._last
        if last is not None and last.start <= low and end <= last.end:
            return last
        at = bisect.bisect_right(self._starts, low) - 1
        if at < 0 or end > self._regions[at].end:
            return None
        self._last = self._regions[at]
        return self._last

    def of_each(self, addresses: Array, itemsize: int) -> Array:
        """For each address the number of its region in iteration order, -1 where there is none."""
        if not self._regions:
            return np.full(addresses.shape, -1)
        starts = np.array(self._starts, dtype=np.uint64)
        ends = np.array([region.end for region in self._regions], dtype=np.uint64)
        at = np.searchsorted(starts, addresses, side="right").astype(np.int64) - 1
        inside = (at >= 0) & (addresses + np.uint64(itemsize) <= ends[np.maximum(at, 0)])
        return np.where(inside, at, -1)

    def numbered(self, number: int) -> Region:
        """The region of that number in iteration order."""
        return self._regions[number]

    def forget(self) -> None:
        """Stop watching."""
        self._alive.clear()
