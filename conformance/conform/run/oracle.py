"""The oracle of an operator under a target's conventions, and its evaluations by call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from conform.draw.fill import DTYPES
from conform.judge.decisions import Decision
from conform.judge.gradients import pull
from conform.judge.model import Model
from conform.judge.sampling import (
    USUAL,
    Exact,
    Manner,
    as_tuple,
    evaluate,
    sample,
    sample_count,
)
from conform.spec.book import Operator
from conform.spec.models import OperatorSpec, RoundingSpec
from conform_reference.conventions import adapt

Tensor = torch.Tensor


def as_given(x: Any, dtype: str) -> Any:
    """Float tensors rounded to the case's dtype and back: what the target is given."""
    if isinstance(x, Tensor) and x.is_floating_point():
        return x.to(DTYPES[dtype]).to(torch.float64)
    return x


def slot_dtype(spec: OperatorSpec, slot: int | str, dtype: str) -> str:
    """The dtype of an argument: the case's, unless the spec fixes one (float64 stays)."""
    names = list(spec.inputs)
    if dtype == "float64" or isinstance(slot, str) or slot >= len(names):
        return dtype
    fixed = spec.inputs[names[slot]].dtype
    return fixed if fixed in ("float32", "float64") else dtype


def sizes(args: tuple[Any, ...], options: Mapping[str, Any]) -> tuple[Any, ...]:
    """What the sizes of a call's intermediates follow from: shapes, and all that is no tensor."""
    named = (*enumerate(args), *sorted(options.items()))
    return tuple((k, tuple(v.shape) if isinstance(v, Tensor) else repr(v)) for k, v in named)


class Bound:
    """`function(*args, **options)` as a function of its float tensors alone."""

    def __init__(
        self, function: Callable[..., Any], args: tuple[Any, ...], options: Mapping[str, Any]
    ) -> None:
        self.function = function
        self.args = args
        self.options = dict(options)
        named: dict[int | str, Any] = dict(enumerate(args))
        named.update(self.options)
        self.slots: list[int | str] = [
            key
            for key, value in named.items()
            if isinstance(value, Tensor) and value.is_floating_point()
        ]

    @property
    def tensors(self) -> list[Tensor]:
        """The float tensors, in the order in which `__call__` takes them."""
        return [self.args[s] if isinstance(s, int) else self.options[s] for s in self.slots]

    def __call__(self, *tensors: Tensor) -> Any:
        args, options = list(self.args), dict(self.options)
        for slot, value in zip(self.slots, tensors, strict=True):
            if isinstance(slot, int):
                args[slot] = value
            else:
                options[slot] = value
        return self.function(*args, **options)


def slopes(bound: Bound) -> dict[int | str, Tensor]:
    """The gradient of the sum of the results, by the slots to which one flows, be it zero."""
    leaves = [x.detach().requires_grad_() for x in bound.tensors]
    with torch.enable_grad():
        floats = [x for x in as_tuple(bound(*leaves)) if x.is_floating_point() and x.requires_grad]
    if not floats:
        return {}
    ones = [torch.ones_like(x) for x in floats]
    found = torch.autograd.grad(floats, leaves, ones, allow_unused=True)
    return {slot: x for slot, x in zip(bound.slots, found, strict=True) if x is not None}


def flowing(bound: Bound) -> list[int | str]:
    """The slots to which a gradient flows, be it zero."""
    return list(slopes(bound))


class Gradient:
    """Gradients of a Bound with respect to some slots, pulled back from cotangents."""

    def __init__(
        self, bound: Bound, wrt: tuple[int | str, ...], cotangents: tuple[Tensor, ...]
    ) -> None:
        self.bound = bound
        self.wrt = [bound.slots.index(slot) for slot in wrt]
        self.cotangents = cotangents

    def split(self, tensors: Sequence[Tensor]) -> tuple[list[Tensor], Sequence[Tensor]]:
        """The call's own tensors, and the cotangents."""
        count = len(self.bound.slots)
        return list(tensors[:count]), tensors[count:]

    def forward(self, *own: Tensor) -> tuple[Tensor, ...]:
        """The float results, of the float tensors alone."""
        return tuple(x for x in as_tuple(self.bound(*own)) if x.is_floating_point())

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        own, cotangents = self.split(tensors)
        for place in self.wrt:
            own[place] = own[place].detach().requires_grad_()
        with torch.enable_grad():
            results = self.forward(*own)
        return pull(results, [own[place] for place in self.wrt], cotangents)


class Truth:
    """What a call should give: exact outputs, and a way to the samples of the float ones.

    `make` draws samples rounded in a manner.
    """

    def __init__(self, exact: Exact, make: Callable[[Manner], list[Tensor]]) -> None:
        self.exact = exact
        self._make = make
        self._drawn: dict[Manner, list[Tensor]] = {}

    @property
    def drawn(self) -> list[Tensor] | None:
        """The samples once they were asked for."""
        return self._drawn.get(USUAL)

    def draw(self, manner: Manner = USUAL) -> list[Tensor]:
        """The samples, made once; scores of discrete decisions stand last."""
        if manner not in self._drawn:
            self._drawn[manner] = self._make(manner)
        return self._drawn[manner]


class Oracle:
    """The reference of one operator, adapted to conventions."""

    def __init__(
        self,
        operator: Operator,
        conventions: Mapping[str, str],
        model_name: str = "",
        compute: str = "input",
    ) -> None:
        self.operator = operator
        self.name = operator.name
        self.conventions = dict(conventions)
        self.function = adapt(operator.name, operator.function, self.conventions)
        models = operator.spec.accuracy.rounding
        self.model_name = model_name if model_name in models else next(iter(models))
        self.rounding: RoundingSpec = models[self.model_name]
        self.compute = compute

    def model(self, dtype: str, *, backward: bool = False) -> Model:
        """The rounding model for a dtype."""
        marks = set(self.rounding.forward)
        if backward:
            marks |= set(self.rounding.backward)
        return Model(dtype, frozenset(marks), backward, self.compute)

    def __call__(self, args: tuple[Any, ...], options: Mapping[str, Any], dtype: str) -> Any:
        """The exact result on the inputs as the target is given them."""
        given, passed = self.given(args, options, dtype)
        return self.function(*given, **passed)

    def given(
        self, args: tuple[Any, ...], options: Mapping[str, Any], dtype: str
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments as the target is given them: rounded to their dtypes, float64 images."""
        spec = self.operator.spec
        return (
            tuple(as_given(x, slot_dtype(spec, i, dtype)) for i, x in enumerate(args)),
            {k: as_given(v, dtype) for k, v in options.items()},
        )

    def bound(self, args: tuple[Any, ...], options: Mapping[str, Any], dtype: str) -> Bound:
        """The call as a function of its float tensors, on inputs as given."""
        return Bound(self.function, *self.given(args, options, dtype))

    def truth(
        self,
        args: tuple[Any, ...],
        options: Mapping[str, Any],
        dtype: str,
        seed: int,
        forced: Mapping[str, Sequence[Tensor]] | None = None,
    ) -> Truth:
        """Exact outputs of a call, and its samples under the rounding model.

        `forced` imposes discrete decisions by name.
        """
        bound = self.bound(args, options, dtype)
        exact = evaluate(bound, bound.tensors, forced, like=(self.name, *sizes(args, options)))
        count = sample_count(exact.largest)
        model, made = self.model(dtype), exact.decisions

        def draw(manner: Manner) -> list[Tensor]:
            return sample(bound, bound.tensors, model, count, seed, self.name, made, manner=manner)

        return Truth(exact, draw)

    def gradient_truth(
        self,
        args: tuple[Any, ...],
        options: Mapping[str, Any],
        dtype: str,
        seed: int,
        wrt: tuple[int | str, ...],
        cotangents: tuple[Tensor, ...],
        decisions: Sequence[Decision] = (),
    ) -> Truth:
        """Exact gradients of a call, and their samples; discrete `decisions` as they were made."""
        bound = self.bound(args, options, dtype)
        function = Gradient(bound, wrt, cotangents)
        tensors = [*bound.tensors, *cotangents]
        like = (self.name, wrt, *sizes(args, options))
        exact = evaluate(function, tensors, replayed=decisions or None, like=like)
        count = sample_count(exact.largest)
        model, name = self.model(dtype, backward=True), self.name + ".gradient"

        def draw(manner: Manner) -> list[Tensor]:
            return sample(function, tensors, model, count, seed, name, decisions, False, manner)

        return Truth(exact, draw)
