"""One launch of a Triton kernel: its accesses, kept until they can be looked at together."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

import numpy as np

from conform.measure.races import Clock, Owners
from conform.measure.regions import Array, Region, Span

_MOST_KEPT = 1 << 17  # lanes; 1 MiB of addresses, so that they stay in the cache

_WORD = 4


class Kind(Enum):
    """What an access does."""

    READ = "read"
    WRITE = "write"
    ATOMIC = "atomic"


class Access(NamedTuple):
    """The active lanes of one load, store or atomic that fall into one region."""

    region: Region
    span: Span
    kind: Kind
    clock: Clock
    same: Array | None  # for each lane of a store whether the value was there already


class Launch:
    """The programs of one launch, one after the other."""

    def __init__(self) -> None:
        self.clock = Clock(0)
        self.programs = 0
        self.races = (0, 0)
        self._published: dict[int, Array] = {}
        self._kept: list[Access] = []
        self._lanes = 0
        self._owners: dict[Region, Owners] = {}
        self._written: set[Region] = set()
        self._last: dict[Region, Array] = {}
        self._timed = False

    def begin_program(self, count: int) -> None:
        """The next of `count` programs starts: it knows nothing of the others."""
        self.programs = count
        self.clock = Clock(self.clock.program + 1)

    def overwrites(self, region: Region, span: Span) -> bool:
        """Whether a store may go where another program has stored; now this one has.

        Told by the word, so that narrower neighbours may be meant.
        """
        last = self._last.get(region)
        if last is None:
            last = np.zeros((region.end - region.start) // _WORD + 1, np.int32)
            self._last[region] = last
        at = span.pieces(region.start, _WORD)
        found = bool(((last[at] != 0) & (last[at] != self.clock.program)).any())
        last[at] = self.clock.program
        return found

    def add(self, region: Region, span: Span, kind: Kind, same: Array | None = None) -> None:
        """Keep an access to look at it later."""
        self._kept.append(Access(region, span, kind, self.clock, same))
        if kind is Kind.WRITE:
            self._written.add(region)
        self._lanes += 64 if span.addresses is None else span.addresses.size
        if self._lanes > _MOST_KEPT:
            self._look(final=False)

    def scalar_atomic(self, address: int) -> None:
        """A lock or a counter: what this program did is published, what others did is learnt."""
        self._timed = True
        self.clock = self.clock.after_atomic(self._published, address, self.programs)

    def end(self) -> None:
        """Look at what is left, and count the races."""
        self._look(final=True)
        found = [owners.races for owners in self._owners.values()]
        self.races = (sum(ww for ww, _ in found), sum(rw for _, rw in found))
        self._owners.clear()

    def _look(self, *, final: bool) -> None:
        for region, span, kind, clock, same in self._kept:
            region.touch(span)
            if region.written is not None:
                if kind is not Kind.WRITE:
                    region.written.read(span)
                if kind is not Kind.READ:
                    region.written.write(span)
            # What no program of this launch writes cannot race.
            if not final or region in self._written or region in self._owners:
                owners = self._owned(region, span.itemsize)
                owners.access(span, clock, kind is Kind.WRITE, same)
        self._kept.clear()
        self._lanes = 0

    def _owned(self, region: Region, itemsize: int) -> Owners:
        owners = self._owners.get(region)
        if owners is None:
            owners = self._owners[region] = Owners(region, itemsize)
        if self._timed:
            owners.keep_time()
        return owners
