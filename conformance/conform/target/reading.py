"""Reading a declaration: a place in it, and errors that name it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from conform.errors import ConformError
from conform.nearest import nearest


@dataclass(frozen=True)
class Place:
    """Where in a declaration we are, e.g. `mykernel: CONFORM['operators']['attention']`."""

    target: str
    path: str = "CONFORM"

    def key(self, name: object) -> Place:
        """The place of an entry."""
        return Place(self.target, f"{self.path}[{name!r}]")

    def wrong(self, found: object, expected: str, *, hint: str = "") -> ConformError:
        """The error that something else was expected here."""
        return ConformError(
            "wrong-declaration",
            f"{self.path} = {found!r}; expected {expected}",
            hint=hint,
            where=self.target,
        )

    def mapping(self, value: object, known: Collection[str], expected: str) -> dict[str, Any]:
        """A dict whose keys are all `known`."""
        if not isinstance(value, dict):
            raise self.wrong(value, expected)
        for name in value:
            self.name(name, known, "key")
        return value

    def name(self, value: object, known: Collection[str], kind: str) -> str:
        """A string among `known`; `kind` says what it names."""
        if isinstance(value, str) and value in known:
            return value
        raise ConformError(
            "unknown-declaration-key" if kind == "key" else "wrong-declaration",
            f"{self.path}: unknown {kind} {value!r}{nearest(str(value), known)}",
            hint=f"known: {', '.join(sorted(known))}",
            where=self.target,
        )

    def string(self, value: object, expected: str) -> str:
        """A non-empty string."""
        if not isinstance(value, str) or not value:
            raise self.wrong(value, expected)
        return value

    def strings(self, value: object, expected: str) -> tuple[str, ...]:
        """A list or tuple of non-empty strings."""
        if not isinstance(value, list | tuple):
            raise self.wrong(value, expected)
        return tuple(self.string(item, expected) for item in value)

    def number(self, value: object) -> float:
        """An int or float, not a bool."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(value, "a number")
        return value
