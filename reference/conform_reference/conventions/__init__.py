"""Conventions on which respectable libraries differ, and oracles that follow them.

`VALUES` lists every convention's values, default first; `APPLIES` the operators that it concerns.
`adapt` makes an oracle follow what a target declares.
"""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from conform_reference.conventions import attention, lora, moe, other

Function = Callable[..., Any]

VALUES: dict[str, tuple[str, ...]] = {
    "causal": ("bottom_right", "top_left"),
    "masked_rows": ("zero", "nan", "mean_of_values", "any"),
    "mask": ("attend", "ignore"),
    "heads": ("consecutive", "tiled"),
    "window": ("counts_self", "excludes_self"),
    "rope_pairing": ("half", "interleaved"),
    "rope_output": ("same", "deinterleaved"),
    "norm_weight": ("plain", "one_plus"),
    "lse_base": ("e", "2"),
    "alibi_form": ("distance", "key_position"),
    "sinusoid_divisor": ("half", "half_minus_one"),
    "capacity_counts": ("tokens", "assignments"),
    "compute_dtype": ("input", "float32"),
    "gelu": ("exact", "tanh"),
    "all_ignored_loss": ("nan", "zero"),
    "sinusoid_layout": ("interleaved", "concatenated"),
    "capacity_rounding": ("ceil", "floor"),
    "routing_order": ("choice_major", "token_major"),
    "renormalize": ("false", "true"),
    "lora_scaling": ("alpha_over_r", "alpha_over_sqrt_r"),
    "dora_norm": ("per_output", "per_input"),
    "dora_gradient": ("either", "exact", "detached"),
}

# compute_dtype is not here: it applies to every operator and is judged, not wrapped.
APPLIES: dict[str, frozenset[str]] = {
    **attention.APPLIES,
    **lora.APPLIES,
    **moe.APPLIES,
    "causal": attention.APPLIES["causal"] | {"alibi_bias"},
    "rope_pairing": frozenset({"rope"}),
    "rope_output": frozenset({"rope"}),
    "norm_weight": frozenset({"rms_norm"}),
    "alibi_form": frozenset({"alibi_bias"}),
    "sinusoid_divisor": frozenset({"sinusoidal_encoding"}),
    "sinusoid_layout": frozenset({"sinusoidal_encoding"}),
    "gelu": frozenset({"gelu", "feed_forward", "glu_feed_forward"}),
    "all_ignored_loss": frozenset({"language_model_loss"}),
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
        _known("convention", name, tuple(VALUES))
        _known(f"conventions[{name}]", value, VALUES[name])


def adapt(operator: str, function: Function, conventions: Mapping[str, str]) -> Function:
    """The oracle `function` of `operator`, made to follow `conventions`.

    Conventions are applied in the order of `VALUES`; one that does not concern the operator has
    no effect. Raises ValueError for an unknown convention or value, and NotImplementedError where
    the oracle cannot follow a value that concerns the operator yet.
    """
    check(conventions)
    for name, values in VALUES.items():
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
