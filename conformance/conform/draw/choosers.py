"""Where structural choices come from. Every choice has a label, so that a variant of a case
(another dim fixed, an option set) repeats all choices but the one that it changes."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from conform.draw.case import derive_seed

Draw = Callable[[st.SearchStrategy[Any]], Any]


def stratified(count: int, index: int, salt: object, *, favour_first: bool) -> int:
    """Alternative number of case `index`: over any run of cases all alternatives occur evenly.

    Each label is shuffled on its own, block by block (a Latin hypercube), which covers pairs of
    alternatives quickly. With `favour_first` the first (default) one gets half of the cases.
    """
    pool = list(range(count))
    if favour_first and count > 2:
        pool = [0] * (count - 2) + pool
    block, place = divmod(index, len(pool))
    random.Random(derive_seed(salt, block)).shuffle(pool)
    return pool[place]


class RecordingChooser:
    """Choices drawn by Hypothesis, written down by label; strata follow from the case's index."""

    def __init__(self, draw: Draw, index: int, salt: object) -> None:
        self.draw = draw
        self.index = index
        self.salt = salt
        self.choices: dict[str, int] = {}

    def _once(self, label: str, make: Callable[[], int]) -> int:
        name = label
        while name in self.choices:
            name += "'"
        self.choices[name] = make()
        return self.choices[name]

    def integer(self, low: int, high: int, label: str) -> int:
        """An integer in [low, high]."""
        return self._once(label, lambda: self.draw(st.integers(low, high)))

    def pick(self, count: int, label: str) -> int:
        """An index below count."""
        return self._once(label + ".pick", lambda: self.draw(st.integers(0, count - 1)))

    def stratum(self, count: int, label: str) -> int:
        """An index below count, spread evenly over the cases."""
        return self._once(
            label + ".stratum",
            lambda: stratified(
                count, self.index, (self.salt, label), favour_first=label.startswith("option.")
            ),
        )


class ReplayChooser:
    """Recorded choices again; labels that are new take their value from the case's seed."""

    def __init__(self, choices: dict[str, int], index: int, seed: int, salt: object) -> None:
        self.choices = choices
        self.index = index
        self.seed = seed
        self.salt = salt
        self.used: set[str] = set()

    def _value(self, label: str, low: int, high: int, fresh: Callable[[], int]) -> int:
        while label in self.used:
            label += "'"
        self.used.add(label)
        value = self.choices.get(label)
        # A changed dim can leave a recorded choice out of range.
        return value if value is not None and low <= value <= high else fresh()

    def _hashed(self, low: int, high: int, label: str) -> int:
        return low + derive_seed(self.seed, self.salt, label) % (high - low + 1)

    def integer(self, low: int, high: int, label: str) -> int:
        """An integer in [low, high]."""
        return self._value(label, low, high, lambda: self._hashed(low, high, label))

    def pick(self, count: int, label: str) -> int:
        """An index below count."""
        return self._value(
            label + ".pick", 0, count - 1, lambda: self._hashed(0, count - 1, label + ".pick")
        )

    def stratum(self, count: int, label: str) -> int:
        """An index below count, spread evenly over the cases."""
        return self._value(
            label + ".stratum",
            0,
            count - 1,
            lambda: stratified(
                count, self.index, (self.salt, label), favour_first=label.startswith("option.")
            ),
        )
