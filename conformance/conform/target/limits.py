"""Declared limits of sizes and options: `{"D": [64, 128], "L": {"max": 8192}}`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from conform.target.reading import Place

Plain = int | float | bool | str | None


@dataclass(frozen=True)
class Limit:
    """What one size or option may be; every part that is given must hold."""

    values: tuple[Plain, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None
    multiple_of: int | None = None

    def violated_by(self, value: object) -> str | None:
        """Why `value` is outside, or None."""
        if self.values is not None and not any(_same(value, allowed) for allowed in self.values):
            return f"is not one of {list(self.values)}"
        if value is None or isinstance(value, str | bool):
            return None
        if isinstance(value, int | float):
            return self._number_violates(value)
        return None

    def _number_violates(self, value: float) -> str | None:
        if self.minimum is not None and value < self.minimum:
            return f"is below min={self.minimum:g}"
        if self.maximum is not None and value > self.maximum:
            return f"is above max={self.maximum:g}"
        if self.multiple_of is not None and value % self.multiple_of:
            return f"is not a multiple of {self.multiple_of}"
        return None

    def to_json(self) -> list[Plain] | dict[str, float]:
        """The form in which a declaration writes it."""
        if self.values is not None:
            return list(self.values)
        parts = {"min": self.minimum, "max": self.maximum, "multiple_of": self.multiple_of}
        return {name: part for name, part in parts.items() if part is not None}


def _same(value: object, allowed: Plain) -> bool:
    # True == 1 in Python, but a limit [1] on a size says nothing about a flag.
    return value == allowed and isinstance(value, bool) == isinstance(allowed, bool)


def read_limit(place: Place, value: object) -> Limit:
    """Parse one limit. Raises ConformError naming the place."""
    if isinstance(value, list | tuple):
        if not value:
            raise place.wrong(value, "a non-empty list of values")
        for item in value:
            if item is not None and not isinstance(item, int | float | str):
                raise place.wrong(item, "numbers, names, True, False or None")
        return Limit(values=tuple(value))
    parts = place.mapping(value, {"min", "max", "multiple_of"}, "a list of values or a dict")
    if not parts:
        raise place.wrong(value, "at least one of min, max, multiple_of")
    for name, part in parts.items():
        place.key(name).number(part)
    multiple = parts.get("multiple_of")
    if multiple is not None and (not isinstance(multiple, int) or multiple < 1):
        raise place.key("multiple_of").wrong(multiple, "a positive integer")
    return Limit(
        minimum=parts.get("min"), maximum=parts.get("max"), multiple_of=parts.get("multiple_of")
    )


def within(limits: Mapping[str, Limit], sizes: Mapping[str, object]) -> str | None:
    """Why a case with these sizes and options is outside of the limits, or None when it is inside.

    `L` limits `Lq` and `Lk`, too, where a case has no size of that name. Other names that a case
    does not have are not limited by it.
    """
    for name, limit in limits.items():
        names = [name] if name in sizes or name != "L" else ["Lq", "Lk"]
        for found in names:
            if found in sizes:
                reason = limit.violated_by(sizes[found])
                if reason is not None:
                    return f"{found}={sizes[found]} {reason}"
    return None
