"""Operators of many options are also asked with none of them, and with one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conform.draw.case import Source
from conform.draw.options import MANY, STRATA
from conform.draw.structure import draw_cases, vary
from conform.draw.variant import ANY, PLAIN, Constraints, Variant
from conform.spec.book import built_in
from conform.spec.models import OperatorSpec

BOOK = built_in()
ATTENTION = BOOK.operator("attention").spec


def _chosen(spec: OperatorSpec, options: dict[str, object]) -> set[str]:
    return {name for name, item in spec.options.items() if options[name] != item.default}


@pytest.mark.parametrize("seed", range(3))
def test_some_cases_have_all_options_at_their_defaults_and_some_all_but_one(seed: int) -> None:
    cases = draw_cases(ATTENTION, 4 * STRATA, seed)
    chosen = [_chosen(ATTENTION, dict(drawn.case.options)) for drawn in cases]
    counts = list(map(len, chosen))
    assert counts.count(0) >= 2
    assert counts.count(1) >= 3
    assert {"causal"} in chosen, "what most calls ask for"
    assert sum(n > 2 for n in counts) >= len(counts) / 3, "combinations are asked as well"


def test_what_a_law_sets_or_a_target_fixes_is_no_option_to_leave_out() -> None:
    limits = Constraints(fixed={"causal": True})
    for drawn in draw_cases(ATTENTION, 2 * STRATA, 1, limits):
        assert drawn.case.options["causal"] is True
        variant = Variant(options={"softcap": 30.0}, plain=True)
        case = vary(ATTENTION, drawn, 1, limits, variant)
        assert _chosen(ATTENTION, dict(case.options)) == {"causal", "softcap"}, "no flag is left"


def test_an_option_that_hangs_on_sizes_is_drawn_always() -> None:
    """Of several key heads `kv_heads` tells how many; there is no default to leave it at."""
    spec = BOOK.operator("multi_head_attention").spec
    for drawn in draw_cases(spec, 3 * STRATA, 0):
        case = vary(spec, drawn, 0, ANY, replace(PLAIN, plain=True))
        assert case.options["heads"] == case.dims["H"]
        assert case.options["kv_heads"] in (case.dims["K"], None)
        assert case.options["kv_heads"] or case.dims["K"] == case.dims["H"]


def test_few_options_are_drawn_each_by_itself() -> None:
    spec = BOOK.operator("rms_norm").spec
    assert sum(item.draw is not None for item in spec.options.values()) < MANY
    drawn = draw_cases(spec, STRATA, 0)
    for item in drawn:
        plain = vary(spec, item, 0, ANY, replace(PLAIN, plain=True))
        assert plain.options == item.case.options
        assert all(x.layout == "contiguous" for x in plain.inputs.values() if isinstance(x, Source))
