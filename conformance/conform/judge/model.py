"""The rounding model of one call: which roundings are excused, and to what dtype."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from conform.draw.fill import DTYPES
from conform.judge.roundoff import Roundoff
from conform_reference.rounding import DOUBT, EITHER, marks


@dataclass(frozen=True)
class Model:
    """`dtype` is the case's; `rounded` are the marks that may be rounded to it.

    `backward`: the marks also round the gradients that flow through them
    (those named `backward.*` round nothing else). `compute` float32 is declared
    by targets that work in float32 whatever the input. `flavour` "tf32" declares products of
    operands rounded to 11 significant bits.
    """

    dtype: str
    rounded: frozenset[str] = frozenset()
    backward: bool = False
    compute: str = "input"

    @property
    def storage(self) -> torch.dtype:
        """What marks are rounded to; float64 is judged as float32 and scaled down."""
        return torch.float32 if self.dtype == "float64" else DTYPES[self.dtype]

    @property
    def scale(self) -> float:
        """Factor on deviations: float64 roundoff is 2^-29 of float32's, both sides have it,
        and law arithmetic adds its own: 2^-26."""
        return 2.0**-26 if self.dtype == "float64" and self.compute == "input" else 1.0


def rounded_on_scaled_grid(x: torch.Tensor, c: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """`x` rounded to `dtype` on a grid stretched by c, c in [1, 2).

    Equal values stay equal and close ones stay together, as in a real rounding; where the grid
    lies, which depends on how an implementation scales the quantity, is what `c` makes random.
    """
    rounded = (x / c).to(dtype).to(x.dtype) * c  # dividing cannot overflow
    if dtype is not torch.float16:
        return rounded
    # Beyond half of float16's range an implementation may overflow: no sample, no bound.
    return torch.where(x.abs() > 32768.0, torch.nan, rounded)


def _stretched(x: torch.Tensor, rounded: torch.Tensor, stretch: float) -> torch.Tensor:
    """`x` with `stretch` times the rounding error."""
    return rounded if stretch == 1.0 else x + (rounded - x) * stretch


class _Rounded(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(
        x: torch.Tensor, c: torch.Tensor, dtype: torch.dtype, ahead: bool, stretch: float
    ) -> torch.Tensor:
        if not ahead:
            return x.view_as(x)
        return _stretched(x, rounded_on_scaled_grid(x, c, dtype), stretch)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        _, c, ctx.dtype, _, ctx.stretch = inputs
        ctx.save_for_backward(c)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        (c,) = ctx.saved_tensors
        rounded = rounded_on_scaled_grid(gradient, c, ctx.dtype)
        return _stretched(gradient, rounded, ctx.stretch), None, None, None, None


class _SummedInDtype(torch.autograd.Function):
    """Identity whose gradient [..., E] is added up over the leading dims in the storage dtype."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: torch.Tensor, c: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        return x.view_as(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        _, c, ctx.dtype = inputs
        ctx.save_for_backward(c)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        (c,) = ctx.saved_tensors
        # What rounding every partial sum loses is charged to the term that completes it.
        partial = gradient.reshape(-1, gradient.shape[-1]).cumsum(0)
        c = c.reshape(partial.shape) if c.dim() else c
        lost = rounded_on_scaled_grid(partial, c, ctx.dtype) - partial
        return gradient + lost.reshape(gradient.shape), None, None


@lru_cache(maxsize=64)
def _offsets(shape: tuple[int, ...]) -> torch.Tensor:
    # By numpy: torch draws no random numbers inside of vmap.
    return torch.from_numpy(np.random.default_rng(len(shape)).random(shape))


def grid_of(x: torch.Tensor, c: torch.Tensor, noise: Roundoff) -> torch.Tensor:
    """A grid in [1, 2) for all of x; under roundoff `apart`, one for each of its elements."""
    return 1.0 + torch.remainder(c + _offsets(tuple(x.shape)) if noise.apart else c, 1.0)


def _another(x: torch.Tensor, c: torch.Tensor, count: int, noise: Roundoff) -> torch.Tensor:
    """The grid of the count-th mark, in [1, 2): steps of the golden ratio.

    On one grid close values round alike, as they mostly do; `apart`, each has a grid of its own.
    """
    before, noise.paused = noise.paused, True
    try:
        return grid_of(x, c + 0.6180339887 * count, noise)
    finally:
        noise.paused = before


def _scattered(c: torch.Tensor, count: int, noise: Roundoff) -> torch.Tensor:
    """A number in [0, 1) for the count-th mark, other than the grid's: c spaces samples evenly."""
    before, noise.paused = noise.paused, True
    try:
        return torch.remainder(c * 1e3 * 0.6180339887 + 0.7548776662 * count, 1.0)
    finally:
        noise.paused = before


def _float32(x: torch.Tensor, c: torch.Tensor, noise: Roundoff) -> torch.Tensor:
    """Marks named `float32.*` are held in float32 by every implementation, whatever the dtype."""
    before, noise.paused = noise.paused, True
    try:
        return _stretched(x, rounded_on_scaled_grid(x, c, torch.float32), min(noise.scale, 1.0))
    finally:
        noise.paused = before


@contextmanager
def rounding(model: Model, c: torch.Tensor, noise: Roundoff) -> Iterator[None]:
    """Inside, the reference's marks round as the model permits, each on a grid of its own from `c`.

    (On one grid for all, a quantity that was rounded before would not be rounded again.) Rounding
    errors are multiplied by the noise's `scale`, as its own are.
    """
    count = 0

    def hook(name: str, x: torch.Tensor) -> torch.Tensor:
        nonlocal count
        if name == DOUBT:
            return torch.where(x != 0, torch.nan, x)
        if name == EITHER:
            count += 1
            return torch.where(_scattered(c, count, noise) < 0.5, -x, x)
        if name.startswith("float32.") and x.is_floating_point():
            count += 1
            return _float32(x, _another(x, c, count, noise), noise)
        ahead = not name.startswith("backward.")
        # The gradient of what may be rounded may be rounded, where a mark stands for it alone.
        known = name in model.rounded or name.removeprefix("backward.") in model.rounded
        if not known or not x.is_floating_point():
            return x
        if not ahead and not model.backward:
            return x
        count += 1
        grid = _another(x, c, count, noise)
        before, noise.paused = noise.paused, True
        try:
            if name.startswith("backward.sum."):
                return _SummedInDtype.apply(x, grid, model.storage)
            if model.backward:
                return _Rounded.apply(x, grid, model.storage, ahead, noise.scale)
            return _stretched(x, rounded_on_scaled_grid(x, grid, model.storage), noise.scale)
        finally:
            noise.paused = before

    noise.scattered = (
        float(torch.finfo(model.storage).eps) / 2
        if (model.backward and "backward.scatter" in model.rounded)
        else 0.0
    )
    with marks(hook):
        yield
