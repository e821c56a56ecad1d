"""A law of two operators, asked of a target that has but one of them."""

from __future__ import annotations

import pytest

from conform.records import Outcome
from conform.run.implementations import Bench
from conform.run.profiles import PROFILES
from conform.run.verify import verify
from conform.spec.book import built_in

BOOK = built_in()


@pytest.mark.parametrize("seed", [0, 4, 5])
def test_what_only_the_other_operator_could_reach_is_not_missing(seed: int) -> None:
    """Keys in one piece need no merging: such cases are decided, those of many pieces are not."""
    bench = Bench(BOOK, PROFILES["quick"], seed)
    session = bench.session("attention_with_lse", bench.oracle("attention_with_lse"))
    session.claims = {"attention_with_lse": session.claims["attention_with_lse"]}
    verdict = verify(session, BOOK.property("attention_with_lse.split-anywhere"), "float32")
    assert verdict.outcome is Outcome.UNSUPPORTED
    assert "attention_merge" in verdict.reason
