"""Laws of strides are asked in every layout that a target takes, whatever is drawn."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conform.draw.case import Source
from conform.draw.layouts import EACH, each_layout
from conform.draw.variant import LAYOUTS
from conform.run.implementations import Bench
from conform.run.layouts import layout_cases
from conform.run.profiles import PROFILES
from conform.run.session import Session
from conform.spec.book import built_in

BOOK = built_in()
EVERY = {kind for kinds in EACH.values() for kind in kinds}


def session(operator: str, strides: str = "any") -> Session:
    bench = Bench(BOOK, PROFILES["quick"])
    made = bench.session(operator, bench.oracle(operator))
    made.claims = {operator: replace(made.claims[operator], strides=strides)}
    return made


def shown(made: Session, operator: str) -> set[str]:
    law = BOOK.property(f"{operator}.hygiene.layout")
    found = set()
    for _, case, variant in layout_cases(made, law, "float32"):
        if "|" in variant.layout:
            continue
        sources = [x for x in case.inputs.values() if isinstance(x, Source)]
        assert any(x.layout == variant.layout and min(x.shape) > 1 for x in sources)
        assert {x.layout for x in sources} <= {variant.layout, "contiguous"}
        found.add(variant.layout)
    return found


@pytest.mark.parametrize("operator", ["pooled_classifier", "attention", "kv_cache_append"])
def test_each_layout_is_asked(operator: str) -> None:
    assert shown(session(operator), operator) == EVERY


def test_what_has_few_dims_has_few_layouts() -> None:
    assert shown(session("lora_merge"), "lora_merge") == {"transposed", "sliced", "misaligned"}


@pytest.mark.parametrize("strides", ["last_contiguous", "contiguous"])
def test_what_the_target_does_not_take_is_not_asked(strides: str) -> None:
    found = shown(session("attention", strides), "attention")
    assert found == set(each_layout(LAYOUTS[strides]))
    assert not found & {"transposed", "channels_last"}


def test_other_laws_are_asked_as_drawn() -> None:
    law = BOOK.property("attention.hygiene.repeatable")
    assert not list(layout_cases(session("attention"), law, "float32"))


@pytest.mark.parametrize(
    ("operator", "turned"),
    [("attention", ["k", "q v"]), ("glu_feed_forward", ["W W2", "x V"]), ("softmax", [])],
)
def test_inputs_of_one_shape_lie_in_different_ways(operator: str, turned: list[str]) -> None:
    law = BOOK.property(f"{operator}.hygiene.layout")
    found = set()
    for _, case, variant in layout_cases(session(operator), law, "float32"):
        if "|" in variant.layout:
            lying = {n: x for n, x in case.inputs.items() if isinstance(x, Source)}
            assert {x.layout for x in lying.values()} == {*variant.layout.split("|")}
            found.add(" ".join(n for n, x in lying.items() if x.layout != "contiguous"))
    assert found >= set(turned)
    assert bool(found) == bool(turned)
