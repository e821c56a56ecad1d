"""Wrappers that make a position, norm, feed-forward or loss oracle follow a declared convention.

`REGISTRY[operator, convention, value]` takes the oracle and returns one that follows the value.
Defaults need no entry.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from conform_reference._check import compute_dtype
from conform_reference.position import alibi_slopes
from conform_reference.rounding import mark

Function = Callable[..., Any]


def _with_option(name: str, value: Any) -> Callable[[Function], Function]:
    """A wrapper that fixes one keyword option."""

    def wrap(function: Function) -> Function:
        @wraps(function)
        def follows(*args: Any, **options: Any) -> Any:
            return function(*args, **{**options, name: value})

        return follows

    return wrap


def _deinterleaved(function: Function) -> Function:
    """rope: adjacent pairs go in, first halves and second halves of the pairs come out apart."""

    @wraps(function)
    def follows(x: Tensor, positions: Tensor, **options: Any) -> Tensor:
        y = function(x, positions, **{**options, "interleaved": True})
        width = options.get("rotary_dim") or x.shape[-1]
        return torch.cat([y[..., 0:width:2], y[..., 1:width:2], y[..., width:]], dim=-1)

    return follows


def _one_plus(function: Function) -> Function:
    """rms_norm: the learned weight is stored as its difference from one.

    The sum may be rounded to the weight's dtype, as eager PyTorch has it.
    """

    @wraps(function)
    def follows(x: Tensor, gamma: Tensor, **options: Any) -> Tensor:
        return function(x, mark("one_plus", 1 + gamma.to(compute_dtype(x, gamma))), **options)

    return follows


def _attended_padding(function: Function) -> Function:
    """shifted_window_attention: the zeros that fill up the last windows are pixels like others."""

    @wraps(function)
    def follows(x: Tensor, *weights: Tensor, window: int, **options: Any) -> Tensor:
        if x.ndim != 4 or window < 1:
            return function(x, *weights, window=window, **options)
        Hh, Ww = x.shape[1], x.shape[2]
        filled = torch.nn.functional.pad(x, (0, 0, 0, -Ww % window, 0, -Hh % window))
        return function(filled, *weights, window=window, **options)[:, :Hh, :Ww]

    return follows


def _key_position(function: Function) -> Function:
    """alibi_bias: slope * j in every row; differs from the distance form by a constant per row."""

    @wraps(function)
    def follows(heads: int, Lq: int, Lk: int) -> Tensor:
        function(heads, Lq, Lk)  # for its argument checks
        key = torch.arange(Lk, dtype=torch.float64)
        return (alibi_slopes(heads)[:, None, None] * key).expand(heads, Lq, Lk)

    return follows


def _key_from_end(function: Function) -> Function:
    """alibi_bias: slope * (j - (Lk - 1)) in every row, as the last query has it."""

    @wraps(function)
    def follows(heads: int, Lq: int, Lk: int) -> Tensor:
        function(heads, Lq, Lk)  # for its argument checks
        return function(heads, 1, Lk).expand(heads, Lq, Lk)

    return follows


def _top_left_bias(function: Function) -> Function:
    """alibi_bias: the first query beside the first key, distance i - j."""

    @wraps(function)
    def follows(heads: int, Lq: int, Lk: int) -> Tensor:
        size = max(Lq, Lk)
        return function(heads, size, size)[:, :Lq, :Lk]

    return follows


def _half_minus_one(function: Function) -> Function:
    """sinusoidal_encoding: w_i = base^(-i / (dim/2 - 1)), the last frequency is 1 / base."""

    @wraps(function)
    def follows(length: int, dim: int, *, base: float = 10000.0) -> Tensor:
        half = dim // 2
        return function(length, dim, base=base ** (half / (half - 1)) if half > 1 else base)

    return follows


def _concatenated(function: Function) -> Function:
    """sinusoidal_encoding: all sines first, then all cosines."""

    @wraps(function)
    def follows(length: int, dim: int, **options: Any) -> Tensor:
        y = function(length, dim, **options)
        return torch.cat([y[:, 0::2], y[:, 1::2]], dim=-1)

    return follows


def _tanh_in_block(function: Function) -> Function:
    """feed-forwards: 'gelu' means the tanh form."""

    @wraps(function)
    def follows(*args: Any, **options: Any) -> Tensor:
        if options.get("activation") == "gelu":
            options = {**options, "activation": "gelu_tanh"}
        return function(*args, **options)

    return follows


def _zero_when_ignored(function: Function) -> Function:
    """The losses of a language model: 0 where every target is ignored."""

    @wraps(function)
    def follows(*args: Tensor, ignore_index: int = -100) -> Tensor:
        loss, tokens = function(*args, ignore_index=ignore_index), args[-1]
        kept = (tokens[:, 1:] != ignore_index).any()
        return torch.where(kept, loss, torch.zeros_like(loss))

    return follows


REGISTRY: dict[tuple[str, str, str], Callable[[Function], Function]] = {
    ("rope", "rope_pairing", "interleaved"): _with_option("interleaved", True),
    ("rope", "rope_output", "deinterleaved"): _deinterleaved,
    ("rms_norm", "norm_weight", "one_plus"): _one_plus,
    ("shifted_window_attention", "window_padding", "attended"): _attended_padding,
    ("alibi_bias", "alibi_form", "key_position"): _key_position,
    ("alibi_bias", "alibi_form", "key_from_end"): _key_from_end,
    ("alibi_bias", "causal", "top_left"): _top_left_bias,
    ("sinusoidal_encoding", "sinusoid_divisor", "half_minus_one"): _half_minus_one,
    ("sinusoidal_encoding", "sinusoid_layout", "concatenated"): _concatenated,
    ("gelu", "gelu", "tanh"): _with_option("approximate", "tanh"),
    ("feed_forward", "gelu", "tanh"): _tanh_in_block,
    ("glu_feed_forward", "gelu", "tanh"): _tanh_in_block,
    ("language_model_loss", "all_ignored_loss", "zero"): _zero_when_ignored,
    ("linear_language_model_loss", "all_ignored_loss", "zero"): _zero_when_ignored,
}
