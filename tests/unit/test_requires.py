"""`requires` of a target: conditions over dims and options, and what is said of others."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from conform.draw.structure import draw_cases
from conform.errors import ConformError
from conform.run.constraints import constraints_of
from conform.run.implementations import full_claims
from conform.run.slots import gradient_slots
from conform.spec.book import built_in

BOOK = built_in()
CLAIMS = full_claims(BOOK)


def drawn(operator: str, *requires: str):
    claim = replace(CLAIMS[operator], requires=requires)
    item = BOOK.operator(operator)
    return draw_cases(item.spec, 12, 0, constraints_of(item, claim))


def test_equal_dims_are_drawn_equal() -> None:
    cases = [d.case for d in drawn("attention", "Lq == Lk", "mask is None or bias is None")]
    assert len(cases) == 12
    assert all(c.dims["Lq"] == c.dims["Lk"] for c in cases)
    assert all(c.options["mask"] is None or c.options["bias"] is None for c in cases)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Lq = Lk", "requires='Lq = Lk'"),
        ("Lq == Lkk", "unknown name 'Lkk'.*Lk"),
        ("max(mask) > 0", "cannot be decided from sizes and options"),
        ("all(diff(mask) == 0)", "cannot be decided from sizes and options"),
        ("ref.softmax(q) > 0", "requires="),
    ],
    ids=["syntax", "name", "value", "function of values", "call"],
)
def test_a_condition_that_cannot_be_used(text: str, words: str) -> None:
    with pytest.raises(ConformError, match=words):
        drawn("attention", text)


def test_only_declared_gradients_are_judged() -> None:
    claim = CLAIMS["lora_linear"]
    assert claim.differentiates("x")
    assert not replace(claim, differentiable=False).differentiates("x")
    assert not replace(claim, mutates=("x",)).differentiates("x")
    assert replace(claim, mutates=("x",), differentiable=("x",)).differentiates("x")
    spec = BOOK.operator("lora_linear").spec
    named = {i: torch.ones(2, 2) for i in range(4)}
    assert {2, 3} < set(gradient_slots(spec, claim, named))
    some = replace(claim, differentiable=("A", "B"))
    assert gradient_slots(spec, some, named) == (2, 3)
