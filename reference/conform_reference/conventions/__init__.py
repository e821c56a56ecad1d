"""Conventions on which respectable libraries differ, and oracles that follow them.

`APPLIES` lists the operators that a convention concerns; its values are in the spec package.
`adapt` makes an oracle follow what a target declares.
"""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from conform_reference.conventions import attention, lora, moe, other
from conform_spec.conventions import CONVENTIONS

Function = Callable[..., Any]

# compute_dtype is not here: it applies to every operator and is judged, not wrapped.
APPLIES: dict[str, frozenset[str]] = {
    **attention.APPLIES,
    **lora.APPLIES,
    **moe.APPLIES,
    "causal": attention.APPLIES["causal"] | {"alibi_bias"},
    "rope_pairing": frozenset({"rope"}),
    "rope_output": frozenset({"rope"}),
    "norm_weight": frozenset({"rms_norm"}),
    "window_padding": frozenset({"shifted_window_attention"}),
    "alibi_form": frozenset({"alibi_bias"}),
    "sinusoid_divisor": frozenset({"sinusoidal_encoding"}),
    "sinusoid_layout": frozenset({"sinusoidal_encoding"}),
    "gelu": frozenset({"gelu", "feed_forward", "glu_feed_forward"}),
    "all_ignored_loss": frozenset({"language_model_loss", "linear_language_model_loss"}),
}

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
