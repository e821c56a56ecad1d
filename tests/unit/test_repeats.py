"""Calls again: with other values in the same memory, with gradients switched off as well as on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from conform.draw.structure import draw_cases
from conform.run.implementations import Bench
from conform.run.material import materialise
from conform.run.profiles import PROFILES
from conform.run.requests import Asked, make_request
from conform.spec.book import built_in
from conform.work.caller import BoundOperator
from conform.work.execute import Executor
from conform.work.memory import ArgumentMemory
from conform.work.protocol import Arg, CallRequest, ScalarArg, TensorArg
from conform.work.repeats import same_gradients

X = torch.tensor([[1.0, -2.0], [3.0, 4.0]])
MASK = torch.tensor([[True, False, False]])
_SEEN: dict[int, torch.Tensor] = {}
_OUT = torch.zeros(2, 2)


def once_by_address(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return x + _SEEN.setdefault(mask.data_ptr(), mask.clone()).float().argmax()


def one_buffer_without_gradients(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return x * 2 if torch.is_grad_enabled() else _OUT.copy_(x * 2)


def right(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return x + mask.float().argmax()


@pytest.mark.parametrize("no_grad", [False, True])
@pytest.mark.parametrize(
    ("function", "renewed", "kept"),
    [
        (right, True, True),
        (once_by_address, False, True),
        (one_buffer_without_gradients, True, False),
    ],
)
def test_what_is_kept_shows(
    function: Callable[..., Any], renewed: bool, kept: bool, no_grad: bool
) -> None:
    _SEEN.clear()
    request = CallRequest(
        "op", (TensorArg.of(X), TensorArg.of(MASK)), repeat=True, no_grad=no_grad, reversible=(1,)
    )
    effects = Executor({"op": BoundOperator(function)}, "cpu").execute(request).effects
    assert (effects.renewed, effects.kept) == (renewed, kept)


@pytest.mark.parametrize("renewing", ["all", "first", "second"])
def test_what_is_kept_by_one_weight_shows_where_the_other_one_changes(renewing: str) -> None:
    kept: dict[tuple[int, float], torch.Tensor] = {}

    def by_first(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return x * kept.setdefault((x.data_ptr(), float(x.sum())), w.clone())

    request = CallRequest("op", (TensorArg.of(X), TensorArg.of(X + 1)), repeat=True)
    request = replace(request, renewing=renewing)
    effects = Executor({"op": BoundOperator(by_first)}, "cpu").execute(request).effects
    assert effects.renewed is (renewing != "second")


def test_of_one_argument_nothing_is_left_out() -> None:
    seen: dict[int, torch.Tensor] = {}
    request = CallRequest("op", (TensorArg.of(X),), repeat=True, renewing="second")
    operator = BoundOperator(lambda x: seen.setdefault(x.data_ptr(), x.clone()) + x)
    effects = Executor({"op": operator}, "cpu").execute(request).effects
    assert effects.renewed is False


def test_what_is_expanded_is_reversed_once() -> None:
    row = torch.arange(3)
    wide = TensorArg(row, (2, 3), (0, 1), 0, row.dtype)
    memory = ArgumentMemory({"a": wide, "b": TensorArg.of(MASK)}, "cpu")
    memory.reverse_integers(("a",))
    assert memory.views["a"].tolist() == [[2, 1, 0]] * 2
    assert torch.equal(memory.views["b"], MASK)


def test_offsets_stay_offsets() -> None:
    offsets = torch.tensor([0, 2, 2, 7])
    memory = ArgumentMemory({"a": TensorArg.of(offsets)}, "cpu")
    memory.reverse_integers((), ("a",))
    assert memory.views["a"].tolist() == [0, 5, 5, 7]


@pytest.mark.parametrize(
    ("operator", "names"), [("rope", {1}), ("embedding", {0}), ("attention_varlen", set())]
)
def test_only_what_may_stand_in_any_order_is_reversed(operator: str, names: set[int]) -> None:
    book = built_in()
    drawn = next(iter(draw_cases(book.operator(operator).spec, 1, 0)))
    material = materialise(book.operator(operator), drawn.case, "float32")
    claim = Bench(book, PROFILES["quick"]).claims[operator]
    asked = Asked(material.inputs, material.options, repeat=True)
    request = make_request(material, book.operator(operator).spec, claim, asked)
    assert {key for key in request.reversible if isinstance(key, int)} == names
    law_made = Asked(tuple(x * 1 for x in material.inputs), repeat=True)
    assert not make_request(material, book.operator(operator).spec, claim, law_made).reversible


STATE = {"slope": 0.0}
BUFFER = torch.zeros(2, 2)


class Scaled(torch.autograd.Function):
    """slope * x, whose way back may look at the latest slope, or write into one buffer."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, slope: float, how: str) -> torch.Tensor:
        STATE["slope"] = slope
        ctx.slope, ctx.how = slope, how
        return x * slope

    @staticmethod
    def backward(ctx: Any, *flows: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        slope = STATE["slope"] if ctx.how == "latest" else ctx.slope
        found = flows[0] * slope
        return (BUFFER.copy_(found) if ctx.how == "buffer" else found), None, None


def filling(x: torch.Tensor, *, slope: float) -> torch.Tensor:
    if x.requires_grad:
        x.grad = torch.full_like(x, slope)
    return x * slope


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x, *, slope: Scaled.apply(x, slope, ""), ""),
        (lambda x, *, slope: Scaled.apply(x, slope, "latest"), "another call comes between"),
        (lambda x, *, slope: Scaled.apply(x, slope, "buffer"), "handed out"),
        (filling, ".grad by itself"),
    ],
)
def test_other_layers_leave_gradients_alone(function: Callable[..., Any], words: str) -> None:
    options: dict[str, Arg] = {"slope": ScalarArg(3.0)}
    request = CallRequest("op", (TensorArg.of(X),), options, wrt=(0,), apart="apart")
    told = Executor({"op": BoundOperator(function)}, "cpu").execute(request).effects.apart
    assert words in told if words else not told


@pytest.mark.parametrize("switched", [False, True])
def test_an_input_that_is_made_to_need_a_gradient_shows(switched: bool) -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        return x.requires_grad_(switched) * 2

    request = CallRequest("op", (TensorArg.of(X),))
    changed = (
        Executor({"op": BoundOperator(function)}, "cpu").execute(request).effects.state_changed
    )
    assert ("requires_grad of an input" in changed) is switched


class Kinked(torch.autograd.Function):
    """A kink between what strided and contiguous memory round to, for some values."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, always: bool) -> torch.Tensor:
        ctx.turned = not x.is_contiguous() and (always or bool(x.max() > 2))
        return x + (0 if x.is_contiguous() else 1e-6)

    @staticmethod
    def backward(ctx: Any, *flows: torch.Tensor) -> tuple[torch.Tensor, None]:
        found = flows[0].clone()
        found[0, 0] *= 0 if ctx.turned else 1
        return found, None


@pytest.mark.parametrize("always", [False, True])
def test_one_crossed_kink_is_no_other_gradient(always: bool) -> None:
    lying = TensorArg(X.flatten(), (2, 2), (1, 2), 0, X.dtype)
    request = CallRequest("op", (lying,), wrt=(0,), apart="straight")
    operator = BoundOperator(lambda x: Kinked.apply(x, always))
    told = Executor({"op": operator}, "cpu").execute(request).effects.straight
    assert bool(told) is always


def test_each_gradient_is_measured_by_its_own_largest_entry() -> None:
    small, large = torch.tensor([0.5, -1.0]), torch.tensor([300.0])
    whole = {0: small, 1: large}
    assert same_gradients(whole, [{0: small * 1.001, 1: large * 1.001}])
    assert not same_gradients(whole, [{0: small * 1.5, 1: large}])
    assert same_gradients({0: small * 0, 1: large}, [{0: small * 1e-3, 1: large}])
    assert same_gradients(whole, [{0: small * 900, 1: large}, {0: small * -899}])
