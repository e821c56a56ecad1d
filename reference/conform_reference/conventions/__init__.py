"""Oracles that follow a declared convention (of `conform_spec.conventions`).

`adapt` makes an oracle follow what a target declares. compute_dtype is judged, not wrapped.
"""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from conform_reference.conventions import attention, lora, moe, other
from conform_spec.conventions import APPLIES, CONVENTIONS

Function = Callable[..., Any]

REGISTRY: dict[tuple[str, str, str], Callable[[Function], Function]] = {
    **attention.REGISTRY,
    **other.REGISTRY,
    **lora.REGISTRY,
    **moe.REGISTRY,
}


def _known(what: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        near = get_close_matches(str(name), known, n=3, cutoff=0.4) or list(known)
        raise ValueError(f"{what}={name!r}: not known; the nearest are {', '.join(near)}")


def check(conventions: Mapping[str, str]) -> None:
    """Raise ValueError, with the nearest names, for an unknown convention or value."""
    for name, value in conventions.items():
        _known("convention", name, tuple(CONVENTIONS))
        _known(f"conventions[{name}]", value, CONVENTIONS[name])


def adapt(operator: str, function: Function, conventions: Mapping[str, str]) -> Function:
    """The oracle `function` of `operator`, made to follow `conventions`.

    Conventions are applied in the order of `CONVENTIONS`; one that does not concern the operator
    has no effect. Raises ValueError for an unknown convention or value, and NotImplementedError
    where the oracle cannot follow a value that concerns the operator yet.
    """
    check(conventions)
    for name, values in CONVENTIONS.items():
        value = conventions.get(name, values[0])
        if value == values[0] or operator not in APPLIES.get(name, ()):
            continue
        wrap = REGISTRY.get((operator, name, value))
        if wrap is None:
            raise NotImplementedError(
                f"conventions[{name}]={value!r}: the reference of {operator} cannot follow it yet"
            )
        function = wrap(function)
    return function
