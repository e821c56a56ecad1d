"""Evaluating the oracle: once exactly, and many times under the rounding model."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import torch

from conform.draw.case import derive_seed
from conform.judge.criterion import FEW, STRETCH, close_apart, level_apart, steep_apart
from conform.judge.decisions import Decision, Recorder, Replayer
from conform.judge.gradients import pull
from conform.judge.model import Model, rounded_on_scaled_grid, rounding
from conform.judge.roundoff import Roundoff, as_samples, flag
from conform_reference.rounding import deciding

Function = Callable[..., Any]
ELEMENTS = 800_000  # elements of the largest intermediate over all samples
COUNTS = (29, 23, 17, 13)  # primes: a first dim that is their multiple is taken for the samples
_LOOPED: set[str] = set()
_largest: dict[Hashable, int] = {}  # elements of the largest intermediate


@runtime_checkable
class Differentiated(Protocol):
    """Gradients (at the places `wrt`), as a function of some tensors and the cotangents."""

    wrt: list[int]

    def split(
        self, tensors: Sequence[torch.Tensor]
    ) -> tuple[list[torch.Tensor], Sequence[torch.Tensor]]:
        """The function's own tensors, and the cotangents."""

    def forward(self, *own: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The float results."""


@dataclass(frozen=True)
class Exact:
    """One float64 evaluation: `outputs`, the largest intermediate, whether float32 overflows,
    and the discrete decisions on the way."""

    outputs: tuple[Any, ...]
    largest: int
    overflow: bool
    decisions: tuple[Decision, ...] = ()


class Observer(Roundoff):
    """Watches an exact evaluation: sizes, and magnitudes beyond float32."""

    LIMIT = 2.0**127

    SAFE = 1e4  # inputs below this overflow nothing

    def __init__(self, tensors: Sequence[torch.Tensor]) -> None:
        super().__init__(0, 0.0)
        self.overflow = False
        self.watching = any(
            x.numel() and bool((x.abs().nan_to_num(posinf=0.0) > self.SAFE).any())
            for x in tensors
            if x.is_floating_point()
        )

    def _perturb(self, func: Any, args: Any, kwargs: Any, out: torch.Tensor) -> torch.Tensor:
        if self.watching and not self.overflow and out.numel():
            self.paused = True
            size = out.detach().abs()
            self.overflow = bool(((size > self.LIMIT) & (size != float("inf"))).any())
            self.paused = False
        return out


@dataclass(frozen=True)
class Manner:
    """How samples are rounded: all roundoff `stretch` times as large; `apart`: each element of a
    marked quantity on a grid of its own; `together`: all products of a row off by the same."""

    stretch: float = 1.0
    apart: bool = False
    together: bool = False

    def noise(self, seed: int) -> Roundoff:
        """The roundoff of one evaluation."""
        return Roundoff(seed, self.stretch, apart=self.apart, together=self.together)


USUAL = Manner()
STRETCHED = Manner(STRETCH)
APART = Manner(3**0.5, apart=True)  # half a step up or down, not anything between
TOGETHER = Manner(together=True)  # equal keys score alike to the last bit, however large
SMALL = Manner(FEW)

Widen = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def wider(scale: float) -> Iterator[tuple[Manner, Widen]]:
    """Other manners to round in, and what makes of samples, those of the manner and the exact value
    samples that allow for both; `scale` is the model's."""
    yield STRETCHED, steep_apart
    yield APART, close_apart
    yield TOGETHER, close_apart
    if scale < 1.0:
        yield SMALL, partial(level_apart, scale=scale)


def as_tuple(value: Any) -> tuple[Any, ...]:
    """A tuple of results, also for one."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def evaluate(
    function: Function,
    tensors: Sequence[torch.Tensor],
    forced: Mapping[str, Sequence[torch.Tensor]] | None = None,
    replayed: Sequence[Decision] | None = None,
    like: Hashable = None,
) -> Exact:
    """`function(*tensors)` in float64, watched. Decisions: some `forced`, or all `replayed`.

    Evaluations that are `like` each other (same function, same sizes) are watched once, unless
    their inputs are so large that float32 could overflow: watching costs as much as evaluating.
    """
    observer = Observer(tensors)
    recorder = Recorder(forced or {})
    known = _largest.get(like, 0) if like is not None and not observer.watching else 0
    decider = deciding(recorder if replayed is None else Replayer(replayed))
    with nullcontext() if known else observer, decider:
        outputs = as_tuple(function(*tensors))
    largest = known or max(observer.largest, 1)
    if like is not None:
        _largest[like] = largest
    return Exact(outputs, largest, observer.overflow, tuple(recorder.made))


def sample_count(largest: int) -> int:
    """How many samples: as many as fit the element budget."""
    return next((n for n in COUNTS if n * largest <= ELEMENTS), COUNTS[-1])


def sample(
    function: Function,
    tensors: Sequence[torch.Tensor],
    model: Model,
    count: int,
    seed: int,
    name: str,
    decisions: Sequence[Decision] = (),
    scores: bool = True,
    manner: Manner = USUAL,
) -> list[torch.Tensor]:
    """Float results of `count` evaluations under the model, each [count, ...], in order.

    `function` takes float64 tensors and returns a tensor or a tuple; only floating results are
    returned. `name` identifies the function: one that makes its own constants is looped over.
    Given `decisions` are followed by every sample; their noisy `scores` come after the results.
    `manner` says how to round.
    """
    replay = _replay(decisions, scores)
    seed = derive_seed(seed, name)
    generator = torch.Generator().manual_seed(seed % 2**63)
    grid = 1.0 + torch.rand(count, generator=generator, dtype=torch.float64)
    if name not in _LOOPED and tensors:
        noise = manner.noise(seed)
        noise.sample(count, model.scale)
        result = _mapped(function, tensors, model, grid, noise, replay)
        if result is not None:
            return result
        _LOOPED.add(name)
    rows = [
        _once(function, tensors, model, grid[i], manner.noise(derive_seed(seed, i)), replay)
        for i in range(count)
    ]
    return [torch.stack(column) for column in zip(*rows, strict=True)]


def _inputs(tensors: Sequence[torch.Tensor], model: Model, c: torch.Tensor) -> list[torch.Tensor]:
    if model.compute == "float32" and model.dtype == "float64":
        return [
            rounded_on_scaled_grid(x, c, torch.float32) if x.is_floating_point() else x
            for x in tensors
        ]
    return list(tensors)


def _floats(value: Any) -> tuple[torch.Tensor, ...]:
    return tuple(
        x for x in as_tuple(value) if isinstance(x, torch.Tensor) and x.is_floating_point()
    )


Replay = Callable[[Function, Sequence[torch.Tensor]], tuple[torch.Tensor, ...]]


def _replay(decisions: Sequence[Decision], scores: bool) -> Replay:
    """How a sample is evaluated: its float results, then the scores of its decisions."""

    def run(function: Function, inputs: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        if not decisions:
            return _floats(function(*inputs))
        replayer = Replayer(decisions)
        with deciding(replayer):
            results = _floats(function(*inputs))
        return (*results, *replayer.scores) if scores else results

    return run


def _once(
    function: Function,
    tensors: Sequence[torch.Tensor],
    model: Model,
    c: torch.Tensor,
    noise: Roundoff,
    replay: Replay,
) -> tuple[torch.Tensor, ...]:
    with noise, rounding(model, c, noise):
        noise.paused = True
        inputs = _inputs(tensors, model, c)
        noise.paused = False
        return replay(function, inputs)


def _mapped(
    function: Function,
    tensors: Sequence[torch.Tensor],
    model: Model,
    grid: torch.Tensor,
    noise: Roundoff,
    replay: Replay,
) -> list[torch.Tensor] | None:
    """All samples in one batched evaluation; None when some noise would be shared by all."""
    count = len(grid)

    def inputs(c: torch.Tensor, *inner: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(_inputs(inner, model, c))

    with noise:
        noise.paused = True
        batched = [as_samples(x, count) for x in tensors]
        c = as_samples(grid[:0].new_zeros(()), count) + grid
        flag(c)
        try:
            given = torch.vmap(inputs)(c, *batched)
            flag(given)
            noise.paused = False
            out = _batched(function, given, c, model, noise, replay)
        except RuntimeError:
            # An operation without a batching rule; the loop says the same, slower.
            return None
    return None if noise.shared_noise else list(out)


def _batched(
    function: Function,
    given: Sequence[torch.Tensor],
    c: torch.Tensor,
    model: Model,
    noise: Roundoff,
    replay: Replay,
) -> tuple[torch.Tensor, ...]:
    """The samples of a function; gradients are pulled back through the batched forward pass.

    (Samples do not mix, so the gradient of the batch holds each sample's own. `torch.func` inside
    of `vmap` gives the same for twice the time, and seconds of imports.)
    """

    def mapped(run: Function, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        def one(c: torch.Tensor, *inner: torch.Tensor) -> tuple[torch.Tensor, ...]:
            with rounding(model, c, noise):
                return replay(run, inner)

        result: tuple[torch.Tensor, ...] = torch.vmap(one)(c, *tensors)
        return result

    if not isinstance(function, Differentiated):
        return mapped(function, *given)
    own, cotangents = function.split(given)
    leaves = [own[place].detach().requires_grad_() for place in function.wrt]
    flag(leaves)
    for place, leaf in zip(function.wrt, leaves, strict=True):
        own[place] = leaf
    with torch.enable_grad():
        results = mapped(function.forward, *own)
    return pull(results, leaves, cotangents)
