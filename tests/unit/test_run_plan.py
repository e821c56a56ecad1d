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


def test_repeatability_is_asked_in_float32() -> None:
    law = BOOK.property("softmax.hygiene.repeatable")
    assert law.spec.half is False
    assert list(_plan([law], DTYPES, BOOK, PROFILES["quick"])) == [(law, "float32")]


def test_a_law_has_the_same_dtype_alone_and_among_others() -> None:
    laws = [law for law in BOOK.operator("attention").properties if law.kind == "law"]
    whole = list(_plan(laws, DTYPES, BOOK, PROFILES["quick"]))
    alone = [pair for law in laws for pair in _plan([law], DTYPES, BOOK, PROFILES["quick"])]
    assert whole == alone
    assert len({dtype for _, dtype in whole}) == len(DTYPES)


def test_half_precision_is_asked_for_what_leaves_its_range() -> None:
    law = BOOK.property("softmax.agrees-with-reference")
    for dtype, more in (("float16", {"near_limits", "large"}), ("bfloat16", set())):
        seen: list[str] = []
        bench = Bench(BOOK, PROFILES["quick"])
        session = bench.session("softmax", bench.oracle("softmax"))
        session.before_case = lambda law, case, dtype, seen=seen: seen.append(case.regime)
        assert verify(session, law, dtype).outcome is Outcome.PASS
        _, wanted = session.share(law, dtype)
        assert set(seen[wanted : wanted + len(more)]) == more


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


def test_an_option_that_the_target_lacks_is_not_what_a_law_hangs_on() -> None:
    """Its default is among what the law lets be chosen: the law is asked, at the default."""
    law = BOOK.property("decode_attention.heads-beyond-256")
    assert {("scale", None), ("scale", 0.125)} <= law.alternatives
    bench = Bench(BOOK, PROFILES["quick"])
    claim = replace(bench.claims["decode_attention"], options=frozenset())
    bench.claims["decode_attention"] = claim
    session = bench.session("decode_attention", bench.oracle("decode_attention"))
    seen: list[object] = []
    session.before_case = lambda law, case, dtype: seen.append(case.options["scale"])
    assert verify(session, law, "float32").outcome is Outcome.PASS
    assert set(seen) == {None}
    bench.claims["decode_attention"] = replace(claim, fixed={"scale": 1.0})
    session = bench.session("decode_attention", bench.oracle("decode_attention"))
    assert verify(session, law, "float32").outcome is Outcome.UNSUPPORTED


def test_an_input_named_as_a_measure_is_none() -> None:
    """`flops` is what a call costs where it is called, and elsewhere an operator's input."""
    for law in built_in().operator("petaflop_days").properties:
        assert law.template or law.measures == frozenset(), law.id


def test_a_law_that_few_cases_fit_is_looked_for_longer() -> None:
    """At this seed the precondition held in none of the first 21 cases."""
    law = BOOK.property("multitask_prompt_parameter_count.cheaper-than-prompts")
    few = {"where": "tasks > 1 and length > 3 and width > 3", "options": {}}
    law = replace(law, spec=law.spec.model_copy(update=few))
    bench = Bench(BOOK, PROFILES["quick"], seed=6)
    session = bench.session(law.operator, bench.oracle(law.operator))
    verdict = verify(session, law, "float32")
    assert (verdict.outcome, verdict.cases > 0) == (Outcome.PASS, True)
