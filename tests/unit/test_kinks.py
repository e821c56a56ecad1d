"""Where roundoff may turn a comparison, the samples stand on both sides; elsewhere on one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from conform.judge.criterion import level_apart
from conform.judge.kinks import Kinks
from conform.judge.model import Model
from conform.judge.sampling import SMALL, USUAL, Manner, sample
from conform.run.oracle import Bound, Gradient

COUNT = 29


def slopes(
    function: Callable[[torch.Tensor], torch.Tensor],
    near: float,
    dtype: str = "float32",
    manner: Manner = USUAL,
) -> torch.Tensor:
    """Sampled gradients of function(a + b), where a + b is `near` and a, b are of size 1."""
    a = torch.tensor([1.0], dtype=torch.float64)
    b = torch.tensor([near - 1.0], dtype=torch.float64)
    bound = Bound(lambda x, y: function(x * 1.1 + y * 1.1), (a, b), {})
    gradient = Gradient(bound, (0,), (torch.ones(1, dtype=torch.float64),))
    tensors = [a, b, *gradient.cotangents]
    model = Model(dtype)
    (found,) = sample(gradient, tensors, model, COUNT, 7, "kink", scores=False, manner=manner)
    return found.flatten()


@pytest.mark.parametrize(
    "function",
    [torch.relu, lambda x: x.clamp(min=0.0), torch.abs, lambda x: torch.where(x > 0, x, 0.0)],
    ids=["relu", "clamp", "abs", "where"],
)
def test_a_kink_within_roundoff_has_both_slopes(function: Callable[..., torch.Tensor]) -> None:
    # Two standard deviations of the sum: samples alone need not reach over the kink.
    found = slopes(function, 2.0**-23)
    assert len(found) == COUNT
    low, high = float(found.min()), float(found.max())
    assert high == pytest.approx(1.1, rel=1e-6)
    assert low == pytest.approx(-1.1 if function is torch.abs else 0.0, rel=1e-6)


@pytest.mark.parametrize("function", [torch.relu, torch.abs], ids=["relu", "abs"])
def test_far_from_a_kink_there_is_one_slope(function: Callable[..., torch.Tensor]) -> None:
    assert torch.allclose(slopes(function, 2.0**-15), torch.tensor(1.1, dtype=torch.float64))
    assert float(slopes(torch.relu, -(2.0**-15)).abs().max()) == 0.0


@pytest.mark.parametrize("function", [torch.relu, torch.abs], ids=["relu", "abs"])
def test_in_float64_the_slopes_are_apart_by_what_the_scale_leaves(
    function: Callable[..., torch.Tensor],
) -> None:
    found = slopes(function, 0.0, "float64")
    apart = float(found.abs().max()) * Model("float64").scale
    assert apart == pytest.approx(1.1 if function is torch.relu else 2.2, rel=1e-3)


def test_under_little_roundoff_the_slopes_are_no_further_apart() -> None:
    scale = Model("float64").scale
    few = slopes(torch.relu, 0.0, "float64", SMALL)
    zero = torch.zeros(1, dtype=torch.float64)
    level = level_apart(slopes(torch.relu, 0.0, "float64"), few, zero, scale)
    assert float(level.abs().max()) * scale == pytest.approx(1.1, rel=1e-3)


def test_at_exactly_zero_a_sample_has_one_slope_everywhere() -> None:
    found = slopes(lambda x: torch.relu((x - x.detach()).expand(50)).sum(0, keepdim=True), 1.0)
    assert {round(v / 1.1) for v in found.tolist()} == {0, 50}


def test_among_equal_values_a_maximum_has_all_slopes() -> None:
    weights = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    found = slopes(lambda x: ((x - x.detach()) * weights).amax(0, keepdim=True), 1.0)
    shared = sum([1, 2, 4]) / 3
    assert {round(v / 1.1, 3) for v in found.tolist()} == {1.0, 2.0, 4.0, round(shared, 3)}


@pytest.mark.filterwarnings("error")
def test_nothing_has_no_kink() -> None:
    empty = torch.zeros(COUNT, 0)
    assert Kinks(7).turned("relu", (empty,), empty) is empty
