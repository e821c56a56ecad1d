"""Races between the programs of one launch, found by who accessed which element.

Programs run one after the other here, and in any order on a GPU. Two accesses of one element by
different programs race when one of them is a plain write that changes something and no chain of
atomics orders them: a program that makes a scalar atomic (a lock, a counter) publishes what it did
before, and knows from then on what was published at that address. That order is the one of this
run: a lock that is used to no purpose excuses too much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conform.measure.regions import Array, Region, Span

_MANY = -1


@dataclass(frozen=True)
class Clock:
    """What a program is at: its number (from 1), its count of atomics, what it knows of others.

    `known[p]` is the last count at which program p published what it had done, plus one; 0: never.
    """

    program: int
    epoch: int = 0
    known: Array | None = None

    def after_atomic(self, published: dict[int, Array], address: int, programs: int) -> Clock:
        """The clock after a scalar atomic at an address, which learns and publishes there."""
        known = np.zeros(programs + 1, np.int32) if self.known is None else self.known.copy()
        if address in published:
            np.maximum(known, published[address], out=known)
        known[self.program] = self.epoch + 1
        published[address] = known
        return Clock(self.program, self.epoch + 1, known)


class Owners:
    """Per element of one region in one launch: who wrote it last, who read it, which ones race.

    Atomics count as reads: they conflict with plain writes alone.
    """

    def __init__(self, region: Region, unit: int) -> None:
        self.region, self.unit, self.timed = region, unit, False
        count = -(-(region.end - region.start) // unit)
        self.writer, self.reader = (np.zeros(count, np.int32) for _ in range(2))
        self.write_write, self.read_write = (np.zeros(count, bool) for _ in range(2))
        self.times = [np.zeros(0, np.int32)] * 2

    def keep_time(self) -> None:
        """From now on accesses have a time; those so far were before any atomic."""
        if not self.timed:
            self.timed = True
            self.times = [np.zeros(len(self.writer), np.int32) for _ in range(2)]

    def fit(self, itemsize: int) -> None:
        """Tell narrower elements apart from now on."""
        if itemsize < self.unit:
            factor = self.unit // itemsize
            self.unit = itemsize
            self.writer, self.reader, self.write_write, self.read_write = (
                np.repeat(x, factor)
                for x in (self.writer, self.reader, self.write_write, self.read_write)
            )
            self.times = [np.repeat(x, factor) for x in self.times]

    def access(self, span: Span, clock: Clock, writes: bool, same: Array | None = None) -> None:
        """One access by one program; lanes that write what is `same` as before disturb nobody."""
        self.fit(span.itemsize)
        at = span.pieces(self.region.start, self.unit)
        by_writer = self._conflicts(self.writer[at], 0, at, clock)
        by_reader = self._conflicts(self.reader[at], 1, at, clock)
        if writes:
            changed = None if same is None else ~np.repeat(same, span.itemsize // self.unit)
            _mark(self.write_write, at, by_writer, changed)
            _mark(self.read_write, at, by_reader, changed)
            self.writer[at] = clock.program
        else:
            _mark(self.read_write, at, by_writer, None)
            self.reader[at] = clock.program
            if by_reader is not None:
                # Who reads after the last reader stands for both.
                self.reader[at] = np.where(by_reader, _MANY, clock.program)
        if self.timed:
            self.times[0 if writes else 1][at] = clock.epoch

    def _conflicts(self, owner: Array, kind: int, at: Array | slice, clock: Clock) -> Array | None:
        """Which elements belong to another program without an order; None where none does."""
        other: Array = (owner != clock.program) & (owner != 0)
        if not other.any():
            return None
        if not self.timed or clock.known is None:
            return other
        # Of elements that many read nothing is known but whether every program published.
        everybody = bool((clock.known[1 : clock.program] > 0).all())
        many = owner == _MANY
        ordered = clock.known[np.where(many, 0, owner)] > self.times[kind][at]
        return other & ~np.where(many, everybody, ordered)

    @property
    def races(self) -> tuple[int, int]:
        """Elements that several programs wrote, and others that some wrote and others read."""
        both = np.count_nonzero(self.read_write & ~self.write_write)
        return int(np.count_nonzero(self.write_write)), int(both)


def _mark(flags: Array, at: Array | slice, found: Array | None, among: Array | None) -> None:
    """Set the flags of the elements found."""
    if found is not None:
        flags[at] |= found if among is None else found & among
