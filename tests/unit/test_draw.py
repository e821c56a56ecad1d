"""Drawing: repeatable, covering, within what a target claims; memory layouts; shrinking."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from conform.draw import layout
from conform.draw.case import Case, Source, from_json
from conform.draw.choosers import ReplayChooser
from conform.draw.expressions import LENGTHS, DrawScope, Unsatisfied
from conform.draw.fill import REGIMES as FILLERS
from conform.draw.fill import fill
from conform.draw.structure import REGIMES, draw_cases, draw_extra, vary
from conform.draw.variant import Constraints, Variant
from conform.run.constraints import constraints_of
from conform.spec.book import built_in
from conform.target.claims import OperatorClaim
from conform.target.limits import Limit

BOOK = built_in()
ATTENTION = BOOK.operator("attention")


def digest(seed: int, names: tuple[str, ...] = ("attention", "rope", "layer_norm")) -> str:
    cases = [
        d.case.as_json() for name in names for d in draw_cases(BOOK.operator(name).spec, 12, seed)
    ]
    return hashlib.sha256(json.dumps(cases).encode()).hexdigest()


def claim(**fields: Any) -> OperatorClaim:
    options = frozenset(ATTENTION.spec.options)
    return OperatorClaim("attention", "attention", **{"options": options, **fields})


def drawn(count: int = 40, **fields: Any) -> list[Case]:
    limits = constraints_of(ATTENTION, claim(**fields))
    return [d.case for d in draw_cases(ATTENTION.spec, count, 0, limits)]


# -- the same cases again ------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_cases_and_another_seed_others() -> None:
    assert digest(0) == digest(0)
    assert digest(0) != digest(1)


def test_two_fresh_processes_agree() -> None:
    folder = str(Path(__file__).parent)
    program = (
        f"import sys; sys.path.insert(0, {folder!r}); import test_draw; print(test_draw.digest(5))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": salt, "PATH": ""},
            timeout=120,
        ).stdout
        for salt in ("1", "2")
    }
    assert found == {digest(5) + "\n"}


def test_more_cases_begin_with_the_fewer() -> None:
    few, many = (draw_cases(ATTENTION.spec, n, 3) for n in (7, 20))
    assert many[:7] == few
    assert len(many) == 20


@pytest.mark.parametrize("name", sorted(BOOK.operators))
def test_every_operator_can_be_drawn_and_filled(name: str) -> None:
    operator = BOOK.operator(name)
    for item in draw_cases(operator.spec, 6, 0):
        sources = [
            v
            for v in (*item.case.inputs.values(), *item.case.options.values())
            if isinstance(v, Source) and not v.is_callable
        ]
        for source in sources:
            assert fill(source, item.case.seed, "float32").shape == source.shape


def test_sizes_repeat_earlier_ones_where_they_may() -> None:
    cases = drawn(60)
    assert sum(c.dims["B"] == c.dims["Lq"] > 1 for c in cases) >= 2
    scope = DrawScope(ReplayChooser({}, 0, 0, ""), {"K": 3})
    assert scope.allows("choose(1, int(4, 6))", 5)
    assert scope.allows("length(33)", 33)
    for text in ("choose(1, int(4, 6))", "length(2)", "K", "K * choose(1, 3)", "int(1, K)"):
        assert not scope.allows(text, 3), text


@pytest.mark.parametrize(
    ("text", "between", "beyond"),
    [
        ("choose(2, 1, 4)", (3,), (5,)),
        ("choose(8, 16, 32)", (24,), (12, 40)),
        ("choose(7, 3, 1)", (5,), (2, 9)),
        ("choose(4, 16, 1)", (9,), (5, 25)),
        ("choose(4, 2 * 8)", (), (8,)),
    ],
)
def test_a_size_between_listed_ones_is_as_good(
    text: str, between: tuple[int, ...], beyond: tuple[int, ...]
) -> None:
    scope = DrawScope(ReplayChooser({}, 0, 0, ""), {})
    assert all(scope.allows(text, n) for n in between)
    assert not any(scope.allows(text, n) for n in beyond)


def test_a_range_is_asked_for_at_its_ends() -> None:
    ends = [scope_of(i).draw("int(1, 1000)", "n") for i in range(16)]
    assert ends.count(1) == ends.count(1000) == 2


def scope_of(index: int) -> DrawScope:
    return DrawScope(ReplayChooser({}, index, index, "salt"), {})


def test_values_depend_on_the_key_alone() -> None:
    a = Source("normal", (3, 4), (), "q")
    assert torch.equal(fill(a, 7, "float64"), fill(a, 7, "float64"))
    assert not torch.equal(fill(a, 7, "float64"), fill(a, 8, "float64"))
    assert not torch.equal(
        fill(a, 7, "float64"), fill(Source("normal", (3, 4), (), "k"), 7, "float64")
    )
    exact, half = fill(a, 7, "float64"), fill(a, 7, "bfloat16")
    assert torch.equal(exact.to(torch.bfloat16), half)


def test_a_case_survives_json() -> None:
    for item in draw_cases(ATTENTION.spec, 15, 0):
        case = draw_extra(item.case, {"i": "int(0, Lq - 1)", "c": "cotangent(B, H, Lq, Dv)"}, "law")
        again = from_json(json.loads(json.dumps(case.as_json())))
        assert again == case
        assert again.identity() == case.identity()


def test_another_format_is_refused() -> None:
    raw = draw_cases(ATTENTION.spec, 1, 0)[0].case.as_json()
    with pytest.raises(ValueError, match="conform-case/9"):
        from_json({**raw, "format": "conform-case/9"})


# -- coverage ------------------------------------------------------------------------------------


def test_every_alternative_occurs() -> None:
    cases = drawn(60)
    assert {c.regime for c in cases} == set(REGIMES)
    assert {c.dims["D"] for c in cases} >= {8, 16, 32, 33, 64}
    assert {c.options["causal"] for c in cases} == {False, True}
    for name in ("mask", "bias", "window", "scale", "softcap"):
        given = [c.options[name] is not None for c in cases]
        assert any(given), name
        assert not all(given), name
    assert {len(c.options["mask"].shape) for c in cases if c.options["mask"]} == {2, 3, 4}
    layouts = {
        v.layout.split(":")[0] for c in cases for v in c.inputs.values() if isinstance(v, Source)
    }
    names = ("contiguous", "transposed", "swapped", "sliced", "pitched", "cut", "misaligned")
    assert layouts == {*names, "parted", "expanded", "channels_last"}
    assert {c.dims["K"] for c in cases} >= {1, 2}
    assert any(c.dims["Lq"] < c.dims["Lk"] for c in cases)
    assert any(c.dims["Lq"] > c.dims["Lk"] for c in cases)
    assert any(c.dims["Lq"] == c.dims["Lk"] for c in cases)
    assert {c.dims["Lq"] for c in cases} <= set(LENGTHS)


def test_biases_come_in_every_shape_that_broadcasts() -> None:
    """Any dims but the last two may be 1, or left out where they come first; B stays named B."""
    found = [(c.dims, c.options["bias"]) for c in drawn(400) if c.options["bias"] is not None]
    for dims, bias in found:
        full = tuple(dims[name] for name in ("B", "H", "Lq", "Lk"))
        assert bias.shape[-2:] == full[2:]
        pairs = list(zip(bias.shape, bias.symbols, full[-len(bias.shape) :], strict=True))
        assert all(size in (1, whole) for size, _, whole in pairs)
        assert all(size == whole for size, symbol, whole in pairs if symbol)
    assert {len(bias.shape) for _, bias in found} == {2, 3, 4}
    shared = [d["B"] > 1 and b.shape[:2] == (1, d["H"]) for d, b in found if len(b.shape) == 4]
    assert any(shared)


def test_the_first_cases_cover_the_small_choices() -> None:
    """A quick run has six: pairs of alternatives must not wait for the long one."""
    cases = drawn(6)
    assert {c.options["causal"] for c in cases} == {False, True}
    assert len({c.regime for c in cases}) >= 3
    assert len({c.options["mask"] is None for c in cases}) == 2


def regime_of(name: str, dtype: str = "float32", shape: tuple[int, ...] = (16, 64)) -> torch.Tensor:
    return fill(Source("regime", shape, (), "x", name), 11, dtype).to(torch.float64)


def test_regimes_do_what_they_say() -> None:
    # Only far widths, and laws of gradients far out, ask for these.
    assert set(FILLERS) == {*REGIMES, "late", "huge"}
    assert regime_of("huge").std() > 100
    late = regime_of("late").abs()
    assert late[:, -8:].median() > 10 * late[:, :-8].median()
    assert late[:, -9].median() < 2
    assert regime_of("late", shape=(16, 32)).abs().max() < 6
    assert 0.8 < regime_of("normal").std() < 1.2
    assert regime_of("large").std() > 6
    assert 0 < regime_of("tiny").abs().max() < 2**-4
    assert regime_of("ties").unique().numel() <= 3
    assert ((regime_of("one_hot") != 0).sum(-1) == 1).all()
    assert regime_of("constant").unique().numel() == 1
    outlier = regime_of("outlier").std(0)
    assert outlier.max() > 20 * outlier.median()
    assert (regime_of("sorted").diff(dim=-2) >= 0).all()
    rows = regime_of("mixed_scale").std(-1)
    assert rows.max() > 30 * rows.min()
    assert regime_of("large_mean").mean() > 10 * regime_of("large_mean").std()
    zeros = regime_of("signed_zeros")
    assert (torch.signbit(zeros) & (zeros == 0)).any()
    assert (~torch.signbit(zeros) & (zeros == 0)).any()
    for dtype in ("float32", "bfloat16", "float16"):
        small = regime_of("subnormal", dtype).abs()
        assert 0 < small.max() < torch.finfo(getattr(torch, dtype)).smallest_normal
        edge = regime_of("near_limits", dtype)
        assert edge.isfinite().all()
        assert edge.abs().max() > (3e4 if dtype == "float16" else 1e16)


def test_integer_generators() -> None:
    splits = fill(Source("splits", (5,), (4, 9), "s"), 1, "float32")
    assert splits[0] == 0
    assert splits[-1] == 9
    assert (splits.diff() >= 0).all()
    assert sorted(fill(Source("permutation", (9,), (), "p"), 1, "float32").tolist()) == list(
        range(9)
    )
    for seed in range(20):
        positions = fill(Source("positions", (3, 7), (), "m"), seed, "float32")
        assert (positions.diff() > 0).all()
        assert positions.min() >= 0
        assert positions.max() <= 2**15
        lengths = fill(Source("lengths", (4,), (4, 6), "l"), seed, "float32")
        assert 0 <= lengths.min() <= lengths.max() <= 6
        tokens = fill(Source("tokens", (50,), (3,), "t"), seed, "float32")
        assert set(tokens.tolist()) <= {0, 1, 2}
        rows = fill(Source("distribution", (5, 6), (), "d"), seed, "float64")
        assert torch.allclose(rows.sum(-1), torch.ones(5, dtype=torch.float64))
    masks = [fill(Source("mask", (6, 8), (), "k"), seed, "float32") for seed in range(40)]
    assert any(m.all() for m in masks)
    assert any((~m).all(-1).any() for m in masks)
    assert any(m.any(-1).all() and not m.all() for m in masks)
    rows = [fill(Source("mask", (1, 8), (), "k"), seed, "float32") for seed in range(90)]
    assert sum(bool(m.any() and not m.all()) for m in rows) > 45  # few rows, yet partly hidden


# -- what a target claims ------------------------------------------------------------------------


def test_limits_are_kept() -> None:
    cases = drawn(
        limits={
            "D": Limit(values=(16, 64)),
            "L": Limit(maximum=32, multiple_of=16),
            "H": Limit(maximum=4),
        }
    )
    assert len(cases) == 40
    assert {c.dims["D"] for c in cases} == {16, 64}
    for case in cases:
        for name in ("Lq", "Lk"):
            assert case.dims[name] in (16, 32), case.dims
        assert case.dims["H"] <= 4
        assert case.dims["H"] % case.dims["K"] == 0
        assert case.inputs["q"].shape == tuple(case.dims[n] for n in ("B", "H", "Lq", "D"))


def test_limits_on_options_are_kept() -> None:
    cases = drawn(limits={"window": Limit(values=(None,)), "causal": Limit(values=(True,))})
    assert {c.options["window"] for c in cases} == {None}
    assert {c.options["causal"] for c in cases} == {True}


def test_fixed_and_unclaimed_options() -> None:
    cases = drawn(options=frozenset({"mask"}), fixed={"causal": True})
    assert {c.options["causal"] for c in cases} == {True}
    assert {c.options["bias"] for c in cases} == {None}
    assert any(c.options["mask"] is not None for c in cases)


def test_requires_are_met() -> None:
    cases = drawn(requires=("Lq == Lk", "mask is None or bias is None", "H <= 4"))
    assert len(cases) == 40
    for case in cases:
        assert case.dims["Lq"] == case.dims["Lk"]
        assert case.options["mask"] is None or case.options["bias"] is None
        assert case.dims["H"] <= 4
    assert len({c.dims["Lq"] for c in cases}) > 4


def test_an_option_that_is_not_given_meets_no_requirement() -> None:
    cases = drawn(requires=("scale >= 0.01",))
    assert cases
    assert all(isinstance(c.options["scale"], float) for c in cases)


def test_a_law_of_normal_values_has_no_equal_rows() -> None:
    limits = constraints_of(ATTENTION, claim())
    found = draw_cases(ATTENTION.spec, 40, 0, limits)

    def expanded(variant: Variant) -> int:
        cases = [vary(ATTENTION.spec, d, 0, limits, variant) for d in found]
        return sum(c.inputs["q"].layout.startswith("expanded") for c in cases)  # type: ignore[union-attr]

    assert expanded(Variant())
    assert not expanded(Variant(regimes=("normal",)))


def test_variants_meet_the_requirements_too() -> None:
    limits = constraints_of(ATTENTION, claim(requires=("Lq == Lk",)))
    for item in draw_cases(ATTENTION.spec, 10, 0, limits):
        case = vary(ATTENTION.spec, item, 0, limits, Variant(options={"causal": True}))
        assert case.dims["Lq"] == case.dims["Lk"]
    tight = constraints_of(ATTENTION, claim(requires=("not causal",)))
    item = draw_cases(ATTENTION.spec, 1, 0, tight)[0]
    with pytest.raises(Unsatisfied):
        vary(ATTENTION.spec, item, 0, tight, Variant(options={"causal": True}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("not causall", "did you mean 'causal'"),
        ("Lq ==", "not an expression"),
        ("q.shape", "attributes"),
    ],
)
def test_wrong_requires_are_told(text: str, words: str) -> None:
    with pytest.raises(Exception, match=words):
        constraints_of(ATTENTION, claim(requires=(text,)))


def test_strides_narrow_the_layouts() -> None:
    for strides, allowed in (
        ("contiguous", {"contiguous", "misaligned"}),
        (
            "last_contiguous",
            {"contiguous", "misaligned", "sliced", "pitched", "cut", "parted", "swapped"},
        ),
    ):
        cases = drawn(30, strides=strides)
        assert {
            v.layout for c in cases for v in c.inputs.values() if isinstance(v, Source)
        } <= allowed
    values = [v for c in drawn(30, strides="last_contiguous") for v in c.inputs.values()]
    for source in values:
        view = layout.place(fill(source, 1, "float32"), source.layout).view()
        assert view.shape[-1] == 1 or view.stride(-1) == 1


def test_a_variant_changes_only_what_it_names() -> None:
    item = draw_cases(ATTENTION.spec, 8, 0)[5]
    case = vary(ATTENTION.spec, item, 0, Constraints(), Variant(dims={"Lq": "3"}))
    assert case.dims == {**item.case.dims, "Lq": 3, "Lk": case.dims["Lk"]}
    assert case.regime == item.case.regime
    assert case.seed == item.case.seed


def test_a_laws_own_choices_are_all_drawn() -> None:
    """Of more sizes and options than the operator itself chooses from."""
    own = Variant(
        dims={"Lk": "choose(40, 41, 42, 43, 44, 45, 46)"}, options={"window": "=choose(1, 2, 3, 4)"}
    )
    limits = constraints_of(ATTENTION, claim())
    cases = [
        vary(ATTENTION.spec, item, 0, limits, own)
        for item in draw_cases(ATTENTION.spec, 30, 0, limits)
    ]
    assert {case.dims["Lk"] for case in cases} == set(range(40, 47))
    assert {case.options["window"] for case in cases} == {1, 2, 3, 4}


def test_near_the_limits_rows_are_not_equal() -> None:
    cases = [case for case in drawn(400) if case.regime == "near_limits"]
    layouts = [x.layout for case in cases for x in case.inputs.values() if isinstance(x, Source)]
    assert len(cases) > 10
    assert not any(layout.startswith("expanded") for layout in layouts)
