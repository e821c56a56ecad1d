"""Injected roundoff has the size of real arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from conform.draw.structure import draw_cases
from conform.judge.model import Model, rounding
from conform.judge.roundoff import U32, Roundoff, UnknownOperation
from conform.judge.sampling import evaluate, sample
from conform.run.material import materialise
from conform.run.oracle import Gradient, Oracle
from conform.spec.book import built_in
from conform_reference.rounding import another_order, marks

BOOK = built_in()


def seeded(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def relative_noise(
    function: Callable[..., torch.Tensor], *tensors: torch.Tensor, runs: int = 12
) -> float:
    """Root mean square of the relative perturbation, in float32 unit roundoffs."""
    exact = function(*tensors)
    found = []
    for run in range(runs):
        with Roundoff(run):
            noisy = function(*tensors)
        found.append(((noisy - exact) / exact / U32).square().mean())
    return float(torch.stack(found).mean().sqrt())


def test_elementwise_operations_get_one_roundoff() -> None:
    """Uniform in [-1, 1] unit roundoffs: rms 0.577."""
    x, y = seeded(4000).abs() + 0.1, seeded(4000, seed=1).abs() + 0.1
    for function in (torch.add, torch.mul, torch.div):
        assert relative_noise(function, x, y) == pytest.approx(3**-0.5, rel=0.1)
    assert relative_noise(torch.sqrt, x) == pytest.approx(3**-0.5, rel=0.1)


def test_functions_get_a_few_roundoffs() -> None:
    x = seeded(4000)
    for function in (torch.exp, torch.tanh, torch.erf, torch.sin, torch.sigmoid):
        assert 1.0 < relative_noise(function, x) < 6.0


def test_exact_operations_get_none() -> None:
    x = seeded(50, 4)
    for function in (
        torch.neg,
        torch.abs,
        torch.relu,
        torch.t,
        lambda t: t[1:],
        lambda t: t * 2.0,
        lambda t: t / 8,
        lambda t: torch.cat([t, t]),
        lambda t: t.amax(0),
        lambda t: t.clone(),
        lambda t: torch.where(t > 0, t, -t),
        torch.square,
    ):
        exact = function(x)
        with Roundoff(3):
            noisy = function(x)
        assert torch.equal(noisy, exact) is (function is not torch.square)


@pytest.mark.parametrize("length", [16, 256, 4096])
def test_sums_and_products_grow_with_their_length(length: int) -> None:
    """By its root; long ones in proportion to it, as a float32 sum of equal terms one by one."""
    x = seeded(60, length).abs()
    for function, tensors in (
        (lambda t: t.sum(-1), (x,)),
        (torch.mm, (x, x.T)),
        (lambda t: t.mean(-1), (x,)),
    ):
        noise = relative_noise(function, *tensors)
        root = math.sqrt(length)
        assert 0.1 * root < noise < max(0.8 * root, length / 32) + 2


def test_equal_terms_add_up_to_more_than_others() -> None:
    """They are rounded alike; terms that differ, or that are few, are not taken for equal ones."""
    count = 4096
    x = seeded(1, 40, seed=3).expand(count, 40)
    weights = torch.full((2, count), 1 / 4099, dtype=torch.float64)
    weights[:, ::7] = 0.0  # as where a mask hides
    one_lane = torch.zeros(2, 40)  # a machine's own product may have any number of lanes
    for weight, row in zip(weights.float().T, x.float(), strict=True):
        one_lane += weight[:, None] * row
    exact = weights.float().double() @ x.float().double()
    real = float(((one_lane - exact) / exact / U32).square().mean().sqrt())
    equal = relative_noise(torch.mm, weights, x)
    assert real / 2 < equal < real * 2
    assert relative_noise(lambda t: t.sum(0), x.abs()) > equal / 2
    for function in (torch.sum, torch.mean, lambda t: t.mean((0, 1), keepdim=True)):
        with Roundoff(2):
            assert function(x).shape == function(x.clone()).shape
        assert relative_noise(function, x[:, :1]) > equal / 2
    assert relative_noise(torch.mm, weights * (1 + 0.1 * seeded(2, count)), x) < equal / 2
    few = (weights[:, :512], x[:512])
    assert relative_noise(torch.mm, *few) < 0.8 * math.sqrt(512) + 2


def test_equal_terms_are_rounded_alike_in_sums_of_sums() -> None:
    """A bias under a cotangent that is expanded over the batch; others add it up in one sum."""
    patches = seeded(1, 4, 8, seed=5).abs().expand(255, 4, 8)
    merged = patches.reshape(-1, 8).float()
    one_lane = merged[0].clone()
    for row in merged[1:]:
        one_lane += row
    exact = patches.sum((0, 1))
    real = float(((one_lane - exact) / (patches.abs().sum((0, 1)) * U32)).square().mean().sqrt())
    for dims in ((0,), (0, 1)):
        assert relative_noise(lambda t, d=dims: t.sum(d), patches) > real / 4
    varied = patches + seeded(255, 4, 8, seed=6).abs()
    assert relative_noise(lambda t: t.sum((0, 1)), varied) < 0.8 * math.sqrt(1020) + 2


def test_functions_may_flush_what_is_below_the_normal_range() -> None:
    """And what is less than twice as large, where an exponential forms half of it first."""
    x = torch.tensor([0.0, -86.5, -87.2, -88.0], dtype=torch.float64)
    for function in (torch.sigmoid, lambda t: torch.softmax(t, 0)):
        exact = function(x)
        with Roundoff(5):
            noisy = torch.stack([function(x) for _ in range(40)])
        away = ((noisy - exact) / exact).abs().amax(0)
        assert float(away[:2].max()) < 1e-5
        assert float(away[2:].min()) > 0.9


def test_noise_covers_real_float32_arithmetic() -> None:
    """What float32 really does lies within the perturbations, not far below them."""
    x, w = seeded(40, 300), seeded(300, 20, seed=2)
    for function, tensors in (
        (torch.mm, (x, w)),
        (lambda t: t.sum(-1), (x,)),
        (lambda t: t.cumsum(-1)[..., 50:], (x,)),
    ):
        exact = function(*tensors)
        real = (
            (
                function(*(t.float() for t in tensors)).double()
                - function(*(t.float().double() for t in tensors))
            )
            .square()
            .mean()
            .sqrt()
        )
        with Roundoff(1):
            modelled = (function(*tensors) - exact).square().mean().sqrt()
        assert real <= modelled * 1.2
    # torch's own sum is pairwise, so that it stays well below the worst common order.
    assert modelled < 1e-3


def test_cancelling_sums_are_perturbed_by_their_terms() -> None:
    x = torch.cat([seeded(1000), -seeded(1000)]).view(1, -1)
    with Roundoff(0):
        noisy = x.sum(-1)
    assert float(noisy.abs()) > U32


def test_infinities_stay() -> None:
    x = torch.tensor([[-math.inf, 0.0, 1.0], [-math.inf] * 3], dtype=torch.float64)
    with Roundoff(1):
        results = [
            x + 1.0,
            x.exp(),
            torch.softmax(x, -1)[0],
            x.logsumexp(-1)[0],
            x.sum(-1),
            x.mean(-1),
            x * 3.0,
            x.cumsum(-1),
            x.amax(-1),
            (x.exp() @ torch.ones(3, 2).double()),
        ]
    for result in results:
        assert not result.isnan().any()
    assert torch.isneginf(results[0][1]).all()
    assert torch.isneginf(results[4]).all()


def test_unknown_operations_are_told_when_strict() -> None:
    x = seeded(3, 3)
    with Roundoff(0, strict=True), pytest.raises(UnknownOperation, match="lgamma"):
        torch.lgamma(x)


@pytest.mark.parametrize("name", sorted(BOOK.operators))
def test_every_operation_of_the_reference_is_known(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forward and backward on drawn cases, and no NaN where the exact result has none."""
    # (Of scores among which finite fills hide nothing, attention says so by a NaN, on purpose.)
    monkeypatch.setattr("conform_reference._attend.LARGEST_BESIDE_FILLS", math.inf)
    operator = BOOK.operator(name)
    oracle = Oracle(operator, {})
    for item in draw_cases(operator.spec, 8, 0):
        made = materialise(operator, item.case, "float32", lambda option: True)
        bound = oracle.bound(made.inputs, made.options, "float32")
        exact = evaluate(bound, bound.tensors)
        with (
            Roundoff(1, strict=True) as noise,
            rounding(oracle.model("float32"), torch.tensor(1.3, dtype=torch.float64), noise),
        ):
            noisy = bound(*bound.tensors)
        noisy = noisy if isinstance(noisy, tuple) else (noisy,)
        for a, b in zip(exact.outputs, noisy, strict=True):
            if isinstance(a, torch.Tensor) and a.is_floating_point():
                assert torch.equal(a.isnan(), b.isnan())
        floats = [x for x in exact.outputs if isinstance(x, torch.Tensor) and x.is_floating_point()]
        inputs = list(operator.spec.inputs)
        wrt = [inputs.index(n) for n in operator.spec.gradient if inputs.index(n) in bound.slots]
        if not wrt or any(x.isnan().any() or x.isinf().any() for x in floats):
            continue
        pull = Gradient(bound, tuple(wrt), tuple(torch.ones_like(x) for x in floats))
        everything = [*bound.tensors, *pull.cotangents]
        true = pull(*everything)
        with Roundoff(1, strict=True):
            again = pull(*everything)
        for a, b in zip(true, again, strict=True):
            assert torch.equal(a.isnan(), b.isnan())


@pytest.mark.parametrize("name", ["attention", "layer_norm", "gelu", "softmax", "rope"])
def test_batched_samples_are_spread_as_looped_ones(name: str) -> None:
    operator = BOOK.operator(name)
    oracle = Oracle(operator, {})
    case = draw_cases(operator.spec, 4, 1)[3].case
    made = materialise(operator, case, "bfloat16", lambda option: True)
    bound = oracle.bound(made.inputs, made.options, "bfloat16")
    model = oracle.model("bfloat16")
    count = 29
    batched = sample(bound, bound.tensors, model, count, 5, f"test-{name}")
    from conform.judge import sampling

    sampling._LOOPED.add(f"test-{name}-looped")
    looped = sample(bound, bound.tensors, model, count, 6, f"test-{name}-looped")
    for a, b in zip(batched, looped, strict=True):
        assert a.shape == b.shape
        # Pooled over elements; standard deviations of single ones come from 29 samples only.
        spread_a, spread_b = (
            t[:, torch.isfinite(t).all(0)].std(0).square().mean().sqrt() for t in (a, b)
        )
        assert float(spread_a) == pytest.approx(float(spread_b), rel=0.3, abs=1e-12)
        if a[0].numel() > 1 and float(spread_a):
            assert (a[0] != a[1]).any()


def test_another_order_adds_roundoff_and_nothing_else() -> None:
    x = torch.tensor([1.0], dtype=torch.float64)
    assert another_order(x, lambda: x / 0) is x
    results = iter((x + 2.0, x + 1.0))
    with marks(lambda name, value: value):
        assert float(another_order(x, lambda: next(results))) == pytest.approx(1 + 0.5**0.5)


def test_the_slope_of_a_gain_hangs_on_the_mean_as_it_is_stored() -> None:
    """Of a feature close to the mean nothing but what the mean's own rounding adds is left."""
    x = torch.full((1, 1, 16), -0.3, dtype=torch.float64)
    x[..., 0], x[..., 1] = 0.7, -1.35
    ones = torch.ones(16, dtype=torch.float64)
    oracle = Oracle(BOOK.operator("layer_norm"), {})
    bound = oracle.bound((x, ones, 0 * ones), {"eps": 1e-5}, "bfloat16")
    pull = Gradient(bound, (1,), (torch.ones_like(x),))
    model = oracle.model("bfloat16", backward=True)
    exact = pull(*bound.tensors, *pull.cotangents)[0]
    (samples,) = sample(pull, [*bound.tensors, *pull.cotangents], model, 29, 5, "slope-of-gain")
    spacing = 2.0**-9  # of the mean, about -0.3, in bfloat16
    moved = float((samples - exact)[:, 5].square().mean().sqrt())
    assert float(exact[5].abs()) < 0.1
    assert moved > spacing / 3.5  # uniform within half a spacing, times 1 / the deviation, 2.6


def test_what_is_rounded_flows_back_through_the_maximum() -> None:
    """A softmax written out subtracts its maximum with a slope; elsewhere none of it is seen."""
    x = torch.full((1, 45), 1e-6, dtype=torch.float64)
    x[0, 38] = 2e-6
    oracle = Oracle(BOOK.operator("softmax"), {})
    bound = oracle.bound((x,), {}, "float32")
    pull = Gradient(bound, (0,), (torch.full_like(x, 0.04),))
    model = oracle.model("float32", backward=True)
    (exact,) = pull(*bound.tensors, *pull.cotangents)
    (samples,) = sample(pull, [*bound.tensors, *pull.cotangents], model, 29, 5, "live-maximum")
    spread = (samples - exact).square().mean(0).sqrt()[0]
    others = torch.cat([spread[:38], spread[39:]])
    assert float(spread[38]) > 3 * float(others.median())
    assert float(exact.abs().max()) < 1e-12


@pytest.mark.parametrize("batched", [False, True])
def test_rows_that_are_read_by_index_gather_roundoff_where_several_meet(batched: bool) -> None:
    """(Indexing's own gradient adds up in place; it was taken for a copy.)"""
    table = torch.randn(3, 2, dtype=torch.float64)
    tokens = torch.tensor([0] * 400 + [1])

    def gradient(x: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        x = x.detach().requires_grad_()
        with torch.enable_grad():
            return torch.autograd.grad(x[tokens], x, c)[0]

    cotangents = torch.randn(401, 2, dtype=torch.float64)
    exact = gradient(table, cotangents)
    name = "tables" if batched else ""
    noise = Roundoff(1)
    if batched:
        (samples,) = sample(gradient, [table, cotangents], Model("float32"), 29, 1, name)
        off = (samples - exact).abs().amax(0)
    else:
        with noise:
            off = (gradient(table, cotangents) - exact).abs()
    sizes = cotangents[:400].abs().sum(0)
    assert bool((off[0] > 0.5 * U32 * sizes).all())
    assert bool((off[0] < 400 * U32 * sizes).all())
    assert not off[1:].any()
