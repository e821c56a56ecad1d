"""Which laws are asked in which dtypes, and of which values."""

from __future__ import annotations

import pytest

from conform.run.implementations import full_claims
from conform.run.profiles import PROFILES
from conform.run.runner import _plan
from conform.run.session import Session, variant_of
from conform.spec.book import SMOOTH, built_in

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
