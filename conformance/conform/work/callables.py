"""The named callables that stand for a sublayer, the same on both sides of the process border."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch

from conform.errors import ConformError
from conform.nearest import nearest

Sublayer = Callable[[torch.Tensor], torch.Tensor]

_WEIGHT_GRID = 64  # weights are multiples of 1/64: exact in every floating dtype, on both sides


@lru_cache(maxsize=256)
def linear_weight(width: int, seed: int) -> torch.Tensor:
    """A float64 [width, width] matrix, about normal / sqrt(width), exact in any floating dtype."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(width, width, generator=generator, dtype=torch.float64)
    steps = (drawn * (_WEIGHT_GRID / max(width, 1) ** 0.5)).round()
    weight: torch.Tensor = steps.clamp(-2 * _WEIGHT_GRID, 2 * _WEIGHT_GRID) / _WEIGHT_GRID
    return weight


def _identity(width: int, seed: int) -> Sublayer:
    return lambda x: x


def _zero(width: int, seed: int) -> Sublayer:
    return lambda x: x * 0


def _tanh(width: int, seed: int) -> Sublayer:
    return torch.tanh


def _linear(width: int, seed: int) -> Sublayer:
    weight = linear_weight(width, seed)
    return lambda x: x @ weight.to(device=x.device, dtype=x.dtype)


def _previous(width: int, seed: int) -> Sublayer:
    return lambda x: x.roll(1, -2)


_MAKERS: dict[str, Callable[[int, int], Sublayer]] = {
    "identity": _identity,
    "zero": _zero,
    "tanh": _tanh,
    "linear": _linear,
    "previous": _previous,
}

CALLABLE_NAMES = tuple(_MAKERS)


def build_callable(name: str, width: int, seed: int) -> Sublayer:
    """The callable `name` on tensors [..., width] of any floating dtype.

    Raises ConformError (`unknown-callable`) for another name.
    """
    if name not in _MAKERS:
        raise ConformError(
            "unknown-callable",
            f"callable={name!r} is not known{nearest(name, _MAKERS)}",
            hint=f"use one of {', '.join(_MAKERS)}",
        )
    return _MAKERS[name](width, seed)
