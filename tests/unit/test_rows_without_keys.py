"""Rows without a visible key may hold anything where that is declared, in hygiene as well."""

from __future__ import annotations

import pytest
import torch

from conform.run.implementations import Bench
from conform.run.judgement import Call, blank
from conform.run.oracle import Oracle
from conform.run.profiles import PROFILES
from conform.spec.book import built_in

BOOK = built_in()


@pytest.mark.parametrize("sinks", [{}, {"sinks": torch.zeros(1, dtype=torch.float64)}])
@pytest.mark.parametrize(("rows", "kept"), [("any", 0.0), ("zero", 7.0)])
def test_what_stands_in_them_is_replaced_without_a_truth_at_hand(
    rows: str, kept: float, sinks: dict[str, torch.Tensor]
) -> None:
    bench = Bench(BOOK, PROFILES["quick"])
    session = bench.session("attention", bench.oracle("attention"))
    drawn = session.drawn("attention", 1)[0]
    material = session.fresh_calls("attention", drawn.case, "float32").material
    oracle = Oracle(BOOK.operator("attention"), {"masked_rows": rows})
    q, k, v = (torch.randn(1, 1, 2, 4, dtype=torch.float64) for _ in range(3))
    hidden = {"mask": torch.tensor([[True, False], [False, False]]), **sinks}
    claim = bench.claims["attention"]
    call = Call(material, oracle, claim, (q, k, v), hidden, (), (), False)
    results = [torch.full((1, 1, 2, 4), 7.0)]
    blank(call, results)
    assert bool((results[0][0, 0, 0] == 7.0).all())
    assert bool((results[0][0, 0, 1] == kept).all())
