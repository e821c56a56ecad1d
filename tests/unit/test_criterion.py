"""The numeric criterion: noise of the right size, honest results within it, wrong ones outside."""

from __future__ import annotations

import math

import pytest
import torch

from conform.draw.fill import DTYPES
from conform.judge.criterion import (
    STRETCH,
    bound_of,
    exact_residual,
    judge,
    quantile,
    ratios,
    steep_apart,
    ulp,
)
from conform.judge.model import Model, rounded_on_scaled_grid
from conform.judge.sampling import COUNTS, sample_count
from conform.spec.book import built_in

BOOK = built_in()
HALF = ("bfloat16", "float16")


def seeded(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_sample_counts_are_primes_within_the_budget() -> None:
    assert sample_count(1) == max(COUNTS)
    assert sample_count(10**9) == min(COUNTS)
    for n in COUNTS:
        assert all(n % d for d in range(2, n))


# -- bounds --------------------------------------------------------------------------------------


def noisy_samples(expected: torch.Tensor, size: float = 0.0, count: int = 17) -> torch.Tensor:
    noise = seeded(count, *expected.shape, seed=9) * size
    return expected + noise * expected.abs()


@pytest.mark.parametrize("dtype", ["float32", *HALF])
def test_a_correctly_rounded_result_passes(dtype: str) -> None:
    expected = seeded(40, 50)
    found = judge(expected.to(DTYPES[dtype]), expected, noisy_samples(expected), 1.0)
    assert found.within
    assert 0.5 < found.ratio <= 1.0
    assert found.judged == found.elements == 2000


@pytest.mark.parametrize("dtype", ["float32", *HALF])
def test_a_dense_error_of_one_ulp_is_refuted(dtype: str) -> None:
    expected = seeded(40, 50)
    right = expected.to(DTYPES[dtype])
    up = torch.nextafter(right, torch.full_like(right, math.inf))
    assert not judge(up, expected, noisy_samples(expected), 1.0).within


@pytest.mark.parametrize("dtype", HALF)
def test_truncation_is_refuted(dtype: str) -> None:
    expected = seeded(40, 50)
    right = expected.to(DTYPES[dtype])
    beyond = right.double().abs() > expected.abs()
    truncated = torch.where(beyond, torch.nextafter(right, torch.zeros_like(right)), right)
    assert not judge(truncated, expected, noisy_samples(expected), 1.0).within


@pytest.mark.parametrize("dtype", HALF)
def test_a_dense_error_inside_every_bound_is_refuted_by_its_size(dtype: str) -> None:
    """Each element is within its bound; that all of them are near it is the fault."""
    expected = seeded(60, 60) + 4.0
    size = 2.0 ** (-8 if dtype == "bfloat16" else -11)
    samples = noisy_samples(expected, size)
    bound = bound_of(
        expected, quantile(1e-9, 17) * (samples - expected).square().mean(0).sqrt(), DTYPES[dtype]
    )
    sign = torch.where(seeded(60, 60, seed=4) > 0, 1.0, -1.0)
    found = judge((expected + 0.85 * bound * sign).to(DTYPES[dtype]), expected, samples, 1.0)
    assert found.ratio <= 1.0
    assert found.rms > 1.0
    assert not found.within


@pytest.mark.parametrize("dtype", ["float64", "float32", *HALF])
def test_a_single_wrong_element_is_refuted_and_located(dtype: str) -> None:
    expected = seeded(40, 50)
    given = expected.clone().to(DTYPES[dtype])
    given[3, 7] += 0.25
    found = judge(given, expected, noisy_samples(expected, 1e-9), 1.0)
    assert not found.within
    assert found.index == (3, 7)
    assert found.expected == float(expected[3, 7])
    assert found.actual == float(given[3, 7])
    assert found.ratio == pytest.approx(abs(found.actual - found.expected) / found.bound)


def test_honest_noise_passes() -> None:
    """Results spread as the samples are, over many seeds: no false alarm."""
    for seed in range(40):
        expected = seeded(20, 30, seed=seed)
        samples = expected + seeded(17, 20, 30, seed=seed + 100) * 0.01
        actual = (expected + seeded(20, 30, seed=seed + 500) * 0.01).to(torch.bfloat16)
        assert judge(actual, expected, samples, 1.0).within


def test_infinities_and_nan() -> None:
    inf, nan = math.inf, math.nan
    expected = torch.tensor([inf, -inf, nan, 1.0, 1.0, inf, -inf, nan, inf], dtype=torch.float64)
    given = torch.tensor([inf, -inf, nan, nan, inf, 1.0, inf, 1.0, nan], dtype=torch.float64)
    found = ratios(given, expected, torch.full((9,), 0.1).double(), torch.float32)
    assert found.tolist() == [0.0, 0.0, 0.0, *[inf] * 6]


@pytest.mark.parametrize("dtype", HALF)
def test_overflow_gives_infinity_or_the_largest_number(dtype: str) -> None:
    kind = DTYPES[dtype]
    largest = torch.finfo(kind).max
    expected = torch.tensor([largest * 2.0, -largest * 2.0], dtype=torch.float64)
    bound = bound_of(expected, torch.zeros(2).double(), kind)
    for given in ([math.inf, -math.inf], [largest, -largest]):
        assert (ratios(torch.tensor(given).double(), expected, bound, kind) == 0).all()
    for given in ([-math.inf, math.inf], [0.0, 0.0], [largest / 2, -largest / 2], [math.nan] * 2):
        assert (ratios(torch.tensor(given).double(), expected, bound, kind) > 1).all()


def test_infinity_below_the_range_is_wrong() -> None:
    expected = torch.tensor([100.0], dtype=torch.float64)
    found = ratios(
        torch.tensor([math.inf]).double(), expected, torch.tensor([1.0]).double(), torch.float16
    )
    assert found.tolist() == [math.inf]


@pytest.mark.parametrize("dtype", ["float32", *HALF])
def test_subnormals_may_be_flushed(dtype: str) -> None:
    kind = DTYPES[dtype]
    tiny = torch.finfo(kind).smallest_normal
    expected = torch.tensor([tiny / 2, -tiny / 3, tiny * 4], dtype=torch.float64)
    samples = expected.expand(13, 3)
    flushed = torch.tensor([0.0, 0.0, tiny * 4], dtype=kind)
    assert judge(flushed, expected, samples, 1.0).within
    assert not judge(torch.zeros(3, dtype=kind), expected, samples, 1.0).within


@pytest.mark.parametrize("dtype", ["float32", *HALF])
def test_an_exact_zero_leaves_no_room(dtype: str) -> None:
    """Where nothing is excused, zero is zero: the bound is what flushing allows."""
    expected = torch.zeros(4, 4, dtype=torch.float64)
    given = torch.full((4, 4), 1e-3).to(DTYPES[dtype])
    assert not judge(given, expected, expected.expand(13, 4, 4), 1.0).within


def test_float64_is_flushed_only_below_what_float32_reaches() -> None:
    expected = torch.tensor([2.0**-120], dtype=torch.float64)
    assert not judge(torch.zeros(1).double(), expected, expected.expand(13, 1), 1.0).within


def test_integers_and_booleans_are_exact() -> None:
    a = torch.arange(6).reshape(2, 3)
    assert exact_residual(a, a.clone()).within
    b = a.clone()
    b[1, 2] += 1
    found = exact_residual(b, a)
    assert (found.ratio, found.index, found.expected, found.actual) == (math.inf, (1, 2), 5.0, 6.0)
    assert not exact_residual(a > 2, a > 3).within
    assert exact_residual(torch.zeros(0), torch.zeros(0)).within


def test_empty_results_are_within() -> None:
    empty = torch.zeros(0, 4, dtype=torch.float64)
    assert judge(empty.float(), empty, torch.zeros(13, 0, 4).double(), 1.0).within


def test_student_t_takes_the_place_of_six_sigma() -> None:
    assert quantile(1e-9, 10**7) == pytest.approx(6.109, abs=0.01)
    assert quantile(1e-9, 256) == pytest.approx(6.35, abs=0.15)
    few = [quantile(1e-9, n) for n in (29, 23, 17, 13, 8)]
    assert few == sorted(few)
    assert few[0] > 8
    assert quantile(0.05, 10) == pytest.approx(2.228, abs=0.001)


@pytest.mark.parametrize("dtype", ["float64", "float32", *HALF])
def test_ulp_is_the_spacing(dtype: str) -> None:
    kind = DTYPES[dtype]
    ends = [1.0, 2.0, torch.finfo(kind).smallest_normal, torch.finfo(kind).max / 4]
    x = torch.cat([seeded(200).abs(), torch.tensor(ends, dtype=torch.float64)]).to(kind)
    above = torch.nextafter(x, torch.full_like(x, math.inf)).double() - x.double()
    assert torch.equal(ulp(x.double(), kind), above)


@pytest.mark.parametrize("dtype", ["float64", "float32", *HALF])
def test_ulp_near_zero_is_the_subnormal_spacing(dtype: str) -> None:
    kind = DTYPES[dtype]
    least = float(torch.nextafter(torch.zeros((), dtype=kind), torch.ones((), dtype=kind)))
    x = torch.tensor([0.0, least, 5 * least], dtype=torch.float64)
    assert ulp(x, kind).tolist() == [least] * 3


def test_large_float64_results_are_judged() -> None:
    expected = torch.tensor([1e60, -1e200], dtype=torch.float64)
    assert not judge(expected * 1.5, expected, expected.expand(13, 2), 1.0).within
    assert judge(expected.clone(), expected, expected.expand(13, 2), 1.0).within


def test_rounding_on_a_scaled_grid() -> None:
    x = seeded(1000)
    for c in (1.0, 1.3, 1.9):
        rounded = rounded_on_scaled_grid(x, torch.tensor(c).double(), torch.bfloat16)
        assert ((rounded - x).abs() <= x.abs() * 2.0**-8 * 1.001).all()
    assert torch.equal(
        rounded_on_scaled_grid(x, torch.tensor(1.0).double(), torch.bfloat16), x.bfloat16().double()
    )


def test_models_scale_float64_down() -> None:
    assert Model("float64").scale == 2.0**-26
    assert Model("float64", compute="float32").scale == 1.0
    assert Model("bfloat16").storage is torch.bfloat16


def test_where_the_response_is_steep_stretched_samples_count() -> None:
    noise = torch.randn(29, 400, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    flat, steep = torch.zeros(400, dtype=torch.float64), torch.ones(400, dtype=torch.float64)
    kept = steep_apart(noise, STRETCH * noise, flat)
    assert torch.equal(kept, noise)
    found = steep_apart(torch.exp(noise), torch.exp(STRETCH * noise), steep)
    grown = (found - 1).abs().amax(0) > 10 * (torch.exp(noise) - 1).abs().amax(0)
    assert float(grown.double().mean()) > 0.9


def test_a_bug_is_not_excused_by_stretching() -> None:
    """A result off by ten times its linear spread stays wrong."""
    generator = torch.Generator().manual_seed(4)
    expected = torch.randn(64, generator=generator, dtype=torch.float64)
    samples, stretched = (
        expected + scale * torch.randn(29, 64, generator=generator, dtype=torch.float64)
        for scale in (1e-3, STRETCH * 1e-3)
    )
    wrong = (expected + 1e-2).float()
    assert not judge(wrong, expected, steep_apart(samples, stretched, expected), 1.0).within


def test_where_samples_leave_the_range_the_mean_error_is_not_asked() -> None:
    """Open elements (their samples overflow float16) count on neither side of the comparison."""
    settled, anything = seeded(60), torch.full((8,), 500.0, dtype=torch.float64)
    expected = torch.cat([settled, anything])
    samples = noisy_samples(expected, 2.0**-20)
    samples[:, 60:] = 500.0 + seeded(17, 8, seed=3) * 1e30
    given = expected.to(torch.float16)
    given[60:] = 20000.0
    assert judge(given, expected, samples, 1.0).within
    given[:60] += 4 * ulp(settled, torch.float16).half()
    assert not judge(given, expected, samples, 1.0).within
