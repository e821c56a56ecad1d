"""`@implements("attention", ...)`: a declaration written at the function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

ATTRIBUTE = "__conform_implements__"

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Mark:
    """What the decorator leaves on a function; it is parsed when the target is discovered."""

    operator: str
    declaration: dict[str, object]


def implements(
    operator: str,
    *,
    layout: str | None = None,
    requires: Sequence[str] | None = None,
    fixed: Mapping[str, object] | None = None,
    limits: Mapping[str, object] | None = None,
    conventions: Mapping[str, str] | None = None,
    rounding: str | None = None,
    differentiable: bool | Sequence[str] | None = None,
    options: Sequence[str] | Mapping[str, str] | None = None,
    strides: str | None = None,
    mutates: Sequence[str] | None = None,
) -> Callable[[F], F]:
    """Declare that the function implements `operator`; keywords as in CONFORM["operators"].

    The function is returned unchanged. Mistakes in the declaration are reported, with their place,
    when `conform` loads the target.
    """
    given: dict[str, object] = {
        "layout": layout,
        "requires": requires,
        "fixed": fixed,
        "limits": limits,
        "conventions": conventions,
        "rounding": rounding,
        "differentiable": differentiable,
        "options": options,
        "strides": strides,
        "mutates": mutates,
    }
    declaration = {key: value for key, value in given.items() if value is not None}

    def mark(function: F) -> F:
        marks = (*getattr(function, ATTRIBUTE, ()), Mark(operator, declaration))
        setattr(function, ATTRIBUTE, marks)
        return function

    return mark


def marks_of(value: object) -> tuple[Mark, ...]:
    """The marks on a function, without triggering a module's or object's own `__getattr__`."""
    try:
        found = vars(value).get(ATTRIBUTE, ())
    except TypeError:
        return ()
    return found if isinstance(found, tuple) else ()
