"""Wrappers that make an attention oracle follow a declared convention.

`REGISTRY[operator, convention, value]` takes the oracle and returns one that follows the value.
Defaults need no entry.
"""

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

from torch import Tensor

from conform_reference._check import compute_dtype
from conform_reference._settings import using
from conform_spec.conventions import APPLIES

Function = Callable[..., Any]
Wrapper = Callable[[Function], Function]


def _under(**changes: str | float) -> Wrapper:
    """A wrapper that changes the reference's settings for the length of the call."""

    def wrap(function: Function) -> Function:
        @wraps(function)
        def follows(*args: Any, **options: Any) -> Any:
            with using(**changes):
                return function(*args, **options)

        return follows

    return wrap


def _same(function: Function) -> Function:
    """`any`: whatever such rows hold is not judged, so the oracle may stay as it is."""
    return function


def _inverted_mask(function: Function) -> Function:
    """True = ignore."""

    @wraps(function)
    def follows(*args: Any, mask: Tensor | None = None, **options: Any) -> Any:
        return function(*args, mask=None if mask is None else ~mask, **options)

    return follows


def _inverted_block_mask(function: Function) -> Function:
    @wraps(function)
    def follows(q: Tensor, k: Tensor, v: Tensor, block_mask: Tensor, **options: Any) -> Any:
        return function(q, k, v, ~block_mask, **options)

    return follows


def _wider_window(function: Function) -> Function:
    """A window of w keys before the query, and the query's own position: w + 1 in our count."""

    @wraps(function)
    def follows(*args: Any, window: int | None = None, **options: Any) -> Any:
        return function(*args, window=None if window is None else window + 1, **options)

    return follows


def _wider_window_mask(function: Function) -> Function:
    @wraps(function)
    def follows(Lq: int, Lk: int, window: int, *sinks: int) -> Any:
        return function(Lq, Lk, window + 1, *sinks)

    return follows


def _lse_in_bits(function: Function) -> Function:
    @wraps(function)
    def follows(*args: Any, **options: Any) -> tuple[Tensor, Tensor]:
        o, lse = function(*args, **options)
        return o, lse / math.log(2)

    return follows


def _merge_in_bits(function: Function) -> Function:
    @wraps(function)
    def follows(o1: Tensor, lse1: Tensor, o2: Tensor, lse2: Tensor) -> tuple[Tensor, Tensor]:
        # Widened first: the product with log 2 must not be rounded to a half-precision lse.
        first, second = (x.to(compute_dtype(x)) * math.log(2) for x in (lse1, lse2))
        o, lse = function(o1, first, o2, second)
        return o, lse / math.log(2)

    return follows


def _entries(convention: str, value: str, wrap: Wrapper) -> dict[tuple[str, str, str], Wrapper]:
    return {(operator, convention, value): wrap for operator in APPLIES[convention]}


REGISTRY: dict[tuple[str, str, str], Wrapper] = {
    **_entries("causal", "top_left", _under(diagonal="top_left")),
    **_entries("masked_rows", "nan", _under(empty_rows="nan")),
    **_entries("masked_rows", "mean_of_values", _under(empty_rows="mean_of_values")),
    **_entries("masked_rows", "any", _same),
    **_entries("mask", "ignore", _inverted_mask),
    ("block_sparse_attention", "mask", "ignore"): _inverted_block_mask,
    **_entries("heads", "tiled", _under(heads="tiled")),
    **_entries("window", "excludes_self", _wider_window),
    ("sliding_window_mask", "window", "excludes_self"): _wider_window_mask,
    ("sink_window_mask", "window", "excludes_self"): _wider_window_mask,
    ("attention_with_lse", "lse_base", "2"): _lse_in_bits,
    ("attention_merge", "lse_base", "2"): _merge_in_bits,
    **_entries("normaliser_eps", "1e-6", _under(normaliser_eps=1e-6)),
    **_entries("normaliser_eps", "1e-10", _under(normaliser_eps=1e-10)),
    **_entries("normaliser_eps", "1e-6 on keys", _under(key_sum_eps=1e-6)),
}
