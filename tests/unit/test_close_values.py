"""Close values are rounded alike, but for those that lie on both sides of a rounding boundary."""

from __future__ import annotations

import torch

from conform.judge import sampling
from conform.judge.criterion import ALARM, ASTRIDE, close_apart, judge, quantile
from conform.judge.model import Model
from conform.judge.sampling import APART, TOGETHER, USUAL, Manner, sample
from conform_reference.rounding import mark

KEYS, WIDTH = 24, 200
MODEL = Model("float16", frozenset({"weights"}))
VALUES = torch.randn(KEYS, WIDTH, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
VALUES -= VALUES.mean(0)


def read(weights: torch.Tensor) -> torch.Tensor:
    return mark("weights", weights) @ VALUES


def drawn(weights: torch.Tensor, manner: Manner) -> torch.Tensor:
    (found,) = sample(read, [weights], MODEL, 29, 5, "close", manner=manner)
    return found


def test_weights_on_both_sides_of_a_boundary_are_within_only_when_rounded_apart() -> None:
    step = 2.0**-11
    tie = 1163.5 * step  # halfway between two numbers of float16
    weights = tie + 1e-6 * torch.linspace(-1.0, 1.0, KEYS, dtype=torch.float64)
    exact, got = weights @ VALUES, (weights.half().double() @ VALUES).half()
    usual = drawn(weights, USUAL)
    assert not judge(got, exact, usual, 1.0).within
    assert judge(got, exact, close_apart(usual, drawn(weights, APART), exact), 1.0).within


def test_weights_that_differ_keep_their_samples() -> None:
    generator = torch.Generator().manual_seed(2)
    weights = torch.rand(KEYS, generator=generator, dtype=torch.float64) + 0.05
    usual = drawn(weights, USUAL)
    kept = close_apart(usual, drawn(weights, APART), weights @ VALUES)
    assert float((kept == usual).all(0).double().mean()) > 0.9


def test_samples_rounded_apart_are_batched_too() -> None:
    """A name that has to be looped over once is looped over ever after."""
    weights = torch.full((KEYS,), 0.25, dtype=torch.float64)
    sample(read, [weights.clone()], MODEL, 29, 6, "close-batched", manner=APART)
    assert "close-batched" not in sampling._LOOPED


def test_two_close_elements_are_rounded_apart_where_a_law_subtracts_them() -> None:
    """One close pair among many that are not."""
    generator = torch.Generator().manual_seed(3)
    pairs = torch.rand(KEYS, 2, generator=generator, dtype=torch.float64) + 0.5
    pairs[7, 1] = pairs[7, 0] + 1e-7

    def apart_by(pair: torch.Tensor) -> torch.Tensor:
        stored = mark("weights", pair)
        return stored[:, 0] - stored[:, 1]

    usual, apart = (
        sample(apart_by, [pairs], MODEL, 29, 7, "pairs", manner=manner)[0]
        for manner in (USUAL, APART)
    )
    exact = pairs[:, 0] - pairs[:, 1]
    kept = close_apart(usual, apart, exact)
    assert float(usual[:, 7].std()) < 2.0**-14 < float(kept[:, 7].std())
    others = [i for i in range(KEYS) if i != 7]
    assert float((kept == usual)[:, others].all(0).double().mean()) > 0.9


def test_an_element_astride_a_boundary_goes_three_times_as_far_as_its_spread_apart() -> None:
    """Though its usual samples are not that much narrower: few terms more of one sign."""
    generator = torch.Generator().manual_seed(4)
    usual, apart = torch.randn(2, 29, 5, generator=generator, dtype=torch.float64)
    usual[:, 0] = apart[:, 0] * 0.3
    kept = close_apart(usual, apart, torch.zeros(5, dtype=torch.float64))
    reach = kept[:, 0].square().mean().sqrt() * quantile(ALARM, 29)
    assert torch.allclose(reach, ASTRIDE * apart[:, 0].square().mean().sqrt())
    assert torch.equal(kept[:, 1:], usual[:, 1:])


def test_equal_keys_score_alike_to_the_last_bit_however_large_their_scores_are() -> None:
    """What storing their weights loses is lost by all of them at once, and does not average out."""
    model = Model("float16", frozenset({"probabilities"}))
    keys = torch.randn(64, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    query = torch.full((1, 64), 1e4, dtype=torch.float64)

    def attend(q: torch.Tensor) -> torch.Tensor:
        return mark("probabilities", torch.softmax(q @ keys.expand(53, 64).T, -1)).sum(-1)

    exact = attend(query)
    usual, together = (
        sample(attend, [query], model, 29, 8, "alike", manner=manner)[0]
        for manner in (USUAL, TOGETHER)
    )
    got = torch.full((1,), 1 / 53, dtype=torch.float16).double() * 53
    off = float((got - exact).abs())
    assert off > 1e-4 > float(usual.std())
    assert 4 * float(usual.std()) < float(close_apart(usual, together, exact).std())
