"""Wrappers that make the oracle of a low-rank method follow a declared convention.

`REGISTRY[operator, convention, value]` takes the oracle and returns one that follows the value.
Defaults need no entry.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from conform_reference._settings_lora import using
from conform_spec.conventions import APPLIES

Function = Callable[..., Any]
Wrapper = Callable[[Function], Function]

# Where the factor A[r, in] stands among the arguments.
_SCALED = {"lora_linear": 2, "lora_merge": 1, "dora_linear": 2, "dora_merge": 1, "qlora_linear": 3}


def _over_root(place: int) -> Wrapper:
    """alpha / sqrt(r), the rank-stabilised scaling of arXiv:2312.03732."""

    def wrap(function: Function) -> Function:
        @wraps(function)
        def follows(*args: Any, alpha: float, **options: Any) -> Any:
            return function(*args, alpha=alpha * args[place].shape[0] ** 0.5, **options)

        return follows

    return wrap


def _under(**changes: str) -> Wrapper:
    """A wrapper that changes the reference's settings for the length of the call."""

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
    **{
        (operator, "lora_scaling", "alpha_over_sqrt_r"): _over_root(place)
        for operator, place in _SCALED.items()
    },
    **_entries("dora_norm", "per_input", _under(dora_norm="per_input")),
    **_entries("dora_gradient", "exact", _under(dora_gradient="exact")),
    **_entries("dora_gradient", "detached", _under(dora_gradient="detached")),
    **_entries("dora_norm_eps", "1.2e-7", _under(dora_norm_eps=2.0**-23)),
}
