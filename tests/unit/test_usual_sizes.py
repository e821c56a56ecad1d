"""Cases at usual sizes: which sizes are free, that they fit, that what they break is told."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import pytest
import torch

from conform.draw.case import Source
from conform.records import Outcome
from conform.run.implementations import Bench
from conform.run.profiles import PROFILES
from conform.run.usual import ELEMENTS, SIZES, equal_case, free_sizes, usual_cases
from conform.run.verify import verify
from conform.spec.book import Property, built_in
from conform.target.limits import Limit

BOOK = built_in()


def agreement(name: str) -> Property:
    return next(p for p in BOOK.operator(name).properties if p.kind == "agreement")


def cases(name: str, count: int = 20, **limits: Limit) -> list[dict[str, int]]:
    bench = Bench(BOOK, PROFILES["quick"])
    bench.claims[name] = replace(bench.claims[name], limits=limits)
    session = bench.session(name, bench.oracle(name))
    found = list(usual_cases(session, agreement(name), "float32", count))
    for _, case, _ in found:
        sizes = [prod(x.shape) for x in case.inputs.values() if isinstance(x, Source)]
        assert sum(sizes) <= ELEMENTS
    return [case.dims for _, case, _ in found]


def test_free_sizes_hang_on_no_other() -> None:
    assert set(free_sizes(BOOK.operator("attention").spec)) == {"B", "K", "D", "Dv"}
    assert set(free_sizes(BOOK.operator("rope").spec)) == {"B", "H", "L", "D"}


def test_several_sizes_are_usual_at_once() -> None:
    found = cases("layer_norm")
    assert len(found) == 20
    assert len({dims["E"] for dims in found}) > 10
    assert sum(dims["E"] in SIZES and dims["L"] in SIZES for dims in found) > 5


@pytest.mark.parametrize("name", ["pooled_classifier", "clip_class_embeddings", "layer_norm"])
def test_one_case_has_equal_sizes(name: str) -> None:
    bench = Bench(BOOK, PROFILES["quick"])
    session = bench.session(name, bench.oracle(name))
    found = [equal_case(session, agreement(name), dtype) for dtype in session.dtypes]
    ((_, case, _),) = [one for cases in found for one in cases]
    assert len({case.dims[key] for key in free_sizes(BOOK.operator(name).spec)}) == 1


def test_what_the_oracle_refuses_is_not_asked() -> None:
    assert all(dims["D"] % 2 == 0 for dims in cases("rope"))


def test_limits_are_kept() -> None:
    assert {dims["E"] for dims in cases("layer_norm", E=Limit(multiple_of=64))} <= {
        64,
        128,
        192,
        256,
    }


def test_a_mistake_at_one_width_is_refuted_and_shrunk() -> None:
    bench = Bench(BOOK, PROFILES["default"])
    right = bench.oracle("layer_norm")

    def wrong(x: torch.Tensor, *args: torch.Tensor, **options: float) -> torch.Tensor:
        return right(x, *args, **options) * (1.5 if 64 <= x.shape[-1] < 80 else 1.0)

    session = bench.session("layer_norm", wrong)
    verdict = verify(session, agreement("layer_norm"), "float32")
    assert verdict.outcome is Outcome.FAIL
    assert verdict.counterexample is not None
    assert verdict.counterexample.case["case"]["inputs"]["x"]["shape"][-1] == 64


def test_gradients_at_usual_sizes_are_asked_in_their_own_regimes() -> None:
    bench = Bench(BOOK, PROFILES["default"])
    session = bench.session("clip_logits", bench.oracle("clip_logits"))
    law = next(p for p in BOOK.operator("clip_logits").properties if p.kind == "gradient")
    assert law.spec.regimes
    found = list(usual_cases(session, law, "float32", 20))
    assert found
    assert {case.regime for _, case, _ in found} <= set(law.spec.regimes)
