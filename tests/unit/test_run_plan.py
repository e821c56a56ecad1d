"""Which laws are asked in which dtypes, and of which values."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conform.records import Outcome
from conform.run.implementations import Bench, full_claims
from conform.run.profiles import PROFILES
from conform.run.runner import _plan
from conform.run.session import Session, variant_of
from conform.run.verify import verify
from conform.spec.book import SMOOTH, built_in
from conform.target.limits import Limit

BOOK = built_in()
DTYPES = ("float64", "float32", "bfloat16", "float16")


@pytest.mark.parametrize("before", range(5))
def test_copies_are_looked_for_in_half_precision(before: int) -> None:
    """Whatever laws stand before it in the plan."""
    law = BOOK.property("rms_norm.hygiene.inputs-read-anew")
    others = BOOK.operator("softmax").properties[2 : 2 + before]
    plan = list(_plan([*others, law], DTYPES, BOOK, PROFILES["quick"]))
    assert plan[-1] == (law, "bfloat16")
    assert list(_plan([law], ("float32",), BOOK, PROFILES["quick"])) == [(law, "float32")]


def test_laws_begin_at_cases_of_their_own() -> None:
    session = Session("x", None, full_claims(BOOK), BOOK, PROFILES["quick"])  # type: ignore[arg-type]
    laws = [law for law in BOOK.operator("softmax").properties if law.kind == "law"]
    begins = {session.share(law, "float32")[0] for law in laws if not law.measures}
    agreement = next(law for law in BOOK.operator("softmax").properties if law.kind == "agreement")
    first, wanted = session.share(agreement, "float32")
    assert begins == set(range(first, first + wanted))
    assert {session.share(law, "float32")[0] for law in laws if law.measures} == {0}


def test_gradients_are_asked_away_from_ties() -> None:
    law = BOOK.property("attention.causal-no-gradient-from-future")
    assert law.spec.regimes is None
    assert variant_of(law).regimes == SMOOTH
    assert variant_of(BOOK.property("attention.causal-no-future")).regimes is None


def test_what_a_law_chooses_between_is_asked_for() -> None:
    law = BOOK.property("linear_attention.many-tokens")
    assert law.alternatives == {("L", 259), ("L", 193)}
    seen: list[object] = []
    bench = Bench(BOOK, PROFILES["quick"])
    session = bench.session("linear_attention", bench.oracle("linear_attention"))
    session.before_case = lambda law, case, dtype: seen.append(case.dims["L"])
    assert verify(session, law, "float32").outcome is Outcome.PASS
    assert set(seen) == {259, 193}


def test_an_alternative_that_is_not_claimed_is_not_waited_for() -> None:
    law = BOOK.property("linear_attention.many-tokens")
    bench = Bench(BOOK, PROFILES["quick"])
    bench.claims["linear_attention"] = replace(
        bench.claims["linear_attention"], limits={"L": Limit(maximum=200)}
    )
    session = bench.session("linear_attention", bench.oracle("linear_attention"))
    verdict = verify(session, law, "float32")
    assert verdict.outcome is Outcome.PASS
    assert verdict.cases <= PROFILES["quick"].law + 2 * len(law.alternatives)
