"""Wrappers that make a mixture-of-experts oracle follow a declared convention.

`REGISTRY[operator, convention, value]` takes the oracle and returns one that follows the value.
Defaults need no entry.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from conform_reference._routing_rules import using
from conform_spec.conventions import APPLIES

Function = Callable[..., Any]
Wrapper = Callable[[Function], Function]


def _under(**changes: Any) -> Wrapper:
    """A wrapper that changes the routing rules for the length of the call."""

    def wrap(function: Function) -> Function:
        @wraps(function)
        def follows(*args: Any, **options: Any) -> Any:
            with using(**changes):
                return function(*args, **options)

        return follows

    return wrap


def _entries(convention: str, value: str, wrap: Wrapper) -> dict[tuple[str, str, str], Wrapper]:
    return {(operator, convention, value): wrap for operator in APPLIES[convention]}


REGISTRY: dict[tuple[str, str, str], Wrapper] = {
    **_entries("capacity_counts", "assignments", _under(counts="assignments")),
    **_entries("capacity_rounding", "floor", _under(rounding="floor")),
    **_entries("routing_order", "token_major", _under(order="token_major")),
    **_entries("renormalize", "true", _under(renormalize=True)),
}
