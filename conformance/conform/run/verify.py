"""One property on one target in one dtype: cases until it fails, then the counterexample."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import prod

from conform.draw.case import Case, Source
from conform.draw.expressions import Unsatisfied
from conform.draw.leads import USUAL_LEADS
from conform.draw.options import OptionNotClaimed
from conform.draw.variant import Drawn, Variant
from conform.records import Counterexample, Diagnosis, Outcome, Verdict
from conform.run.afresh import afresh
from conform.run.counterexample import describe_failure
from conform.run.diagnose import diagnose
from conform.run.far import far_cases
from conform.run.layouts import layout_cases
from conform.run.leads import lead_cases
from conform.run.lone import lone_cases
from conform.run.outcomes import Kind, Trial, beyond, try_law
from conform.run.session import Session, variant_of
from conform.run.shrink import shrink
from conform.run.turns import turn_cases
from conform.run.usual import equal_case, usual_cases
from conform.run.zeros import zero_cases
from conform.spec.book import Property

HYGIENE_CASES = 5  # these laws judge no values, so that cases are cheap
METERED_CASES = 2  # metered calls are dearer
OVERFLOWING = ("near_limits", "large")  # in float16 squares and sums leave its range there
SMALL = 2**17  # elements of a case of which a law may have more than the profile says
# Times as many cases are looked through for a law that none has met so far.
PATIENCE = 5


@dataclass
class Tally:
    """Counts of how a law ended on its cases."""

    held: int = 0
    failed: int = 0
    refused: int = 0
    not_claimed: int = 0
    other: int = 0
    worst: float | None = None
    reached: dict[str, int] = field(default_factory=dict)
    chosen: set[tuple[str, object]] = field(default_factory=set)
    largest: int = 0
    reasons: list[str] = field(default_factory=list)

    def add(self, trial: Trial, case: Case) -> None:
        """Count one trial."""
        if trial.kind in (Kind.HELD, Kind.FAILED):
            values = {**case.dims, **case.options, **case.draws}
            self.chosen |= {(k, v) for k, v in values.items() if not isinstance(v, Source)}
            sizes = [prod(x.shape) for x in case.inputs.values() if isinstance(x, Source)]
            self.largest = max(self.largest, sum(sizes))
        if trial.kind is Kind.HELD:
            self.held += 1
        elif trial.kind is Kind.FAILED:
            self.failed += 1
        elif trial.kind is Kind.REFUSED:
            self.refused += 1
        elif trial.kind is Kind.NOT_CLAIMED:
            self.not_claimed += 1
        else:
            self.other += 1
        if trial.message and trial.kind is not Kind.FAILED:
            self.reasons.append(trial.message)
        for name in trial.reached:
            self.reached[name] = self.reached.get(name, 0) + 1
        if trial.residual is not None and trial.residual.elements:
            self.worst = max(self.worst or 0.0, trial.residual.excess)


def verify(session: Session, law: Property, dtype: str) -> Verdict:
    """The verdict on `law` for the session's target in `dtype`."""
    started = time.monotonic()
    tally = Tally()
    failing: tuple[Drawn, Case, Trial] | None = None
    broken: Trial | None = None
    varied: Variant | None = None
    for drawn, case, variant in _asked(session, law, dtype, tally):
        trial = try_law(session, law, case, dtype)
        if variant is not None:
            trial = _excused(variant, trial)
        tally.add(trial, case)
        if trial.kind is Kind.FALSE_LAW:
            broken = trial
            if session.name == "reference":
                break
        if trial.kind is Kind.FAILED:
            varied = varied if failing else variant
            failing = failing or (drawn, case, trial)
            if law.spec.holds == "always" or trial.outcome is not Outcome.FAIL:
                break
    outcome, reason = _outcome(law, tally, failing, broken if session.name == "reference" else None)
    if broken is not None and outcome in (Outcome.INCOMPLETE, Outcome.PASS):
        # A law that the oracle breaks says nothing about the target; our own run on the
        # reference is where it counts as an error.
        outcome = Outcome.PASS if outcome is Outcome.PASS else Outcome.UNSUPPORTED
        reason = f"the spec is at fault in some case: {broken.message}; please report it"
    if outcome is Outcome.INCOMPLETE and session.narrowed(law.operator):
        outcome, reason = Outcome.UNSUPPORTED, f"within what is claimed, {reason}"
    example: Counterexample | None = None
    explained: tuple[Diagnosis, ...] = ()
    if outcome.violated and failing is not None:
        drawn, case, trial = failing
        seconds = session.shrink_budget(law)
        earlier = session.earlier(law.operator)[:-1]
        small = shrink(session, law, drawn, case, dtype, trial, seconds, varied)
        if outcome is Outcome.FAIL:  # values explain wrong values, not an exception
            explained = session.explained(law, lambda: diagnose(session, law, dtype, small))
        found = afresh(session, law, dtype, small, (case, trial), earlier, seconds)
        example = describe_failure(session, law, dtype, found, case)
        reason = ""
    return Verdict(
        property=law.id,
        operator=law.operator,
        level=law.spec.level,
        dtype=dtype,
        device=session.device,
        outcome=outcome,
        cases=tally.held + tally.failed,
        seconds=round(time.monotonic() - started, 3),
        worst_ratio=tally.worst,
        reached={name: tally.reached.get(name, 0) for name in law.spec.reach},
        reason=reason,
        model=session.oracle(law.operator).model_name,
        diagnosis=explained,
        counterexample=example,
    )


def _excused(variant: Variant, trial: Trial) -> Trial:
    """The trial by what holds for its case: some may be refused aloud, some rounded on the way."""
    if _unusual(variant) and _aloud(trial):
        # Many take neither vectors nor images, nor an eps of zero; who says so misleads nobody.
        return replace(trial, kind=Kind.REFUSED)
    if variant.long and trial.kind is Kind.FAILED and not beyond(trial):
        return replace(trial, kind=Kind.HELD, residual=None)
    return trial


def _unusual(variant: Variant) -> bool:
    """Whether the case is one that may be refused by an error."""
    return variant.leads not in ("", *USUAL_LEADS) or bool(variant.zero_option)


def _aloud(trial: Trial) -> bool:
    """Whether nobody can take the answer for a result: an error, another shape, NaN."""
    if trial.kind is Kind.FAILED and trial.outcome is Outcome.FAIL:
        return trial.shape or (trial.residual is not None and math.isnan(trial.residual.actual))
    return trial.outcome is Outcome.ERROR


def _asked(
    session: Session, law: Property, dtype: str, tally: Tally
) -> Iterator[tuple[Drawn, Case, Variant | None]]:
    """The drawn cases, and one in each layout where the law asks for it.

    Of values and gradients also some at usual sizes, with other leading dims, where something is
    zero and where one thing alone is another, of values one of equal sizes, of gradients some of
    single tokens, of both some where one dim goes far, and in float16 some of each regime that
    leaves its range on the way.
    """
    for drawn, case in _cases(session, law, dtype, tally):
        yield drawn, case, None
    yield from layout_cases(session, law, dtype)
    if law.kind == "agreement" and dtype == "float16":
        yield from _of_regimes(session, law, dtype, OVERFLOWING)
    if law.kind in ("agreement", "gradient"):
        yield from lead_cases(session, law, dtype)
        yield from zero_cases(session, law, dtype)
        yield from turn_cases(session, law, dtype)
    if law.kind == "agreement":
        yield from usual_cases(session, law, dtype, session.profile.usual)
        yield from equal_case(session, law, dtype)
        yield from far_cases(session, law, dtype)
    wide = [name for name in session.dtypes if name in ("float32", "float64")]
    if law.kind == "gradient" and dtype in (wide or session.dtypes[:1]):
        some = -(-session.profile.usual // 3)
        yield from _long(lone_cases(session, law, dtype), not wide)
        yield from _long(usual_cases(session, law, dtype, some), not wide)
        yield from _long(far_cases(session, law, dtype), not wide)


def _long(
    cases: Iterator[tuple[Drawn, Case, Variant]], long: bool
) -> Iterator[tuple[Drawn, Case, Variant]]:
    """Where a target has half precision alone, sums over large sizes may be rounded on the way."""
    for drawn, case, variant in cases:
        yield drawn, case, replace(variant, long=long)


def _of_regimes(
    session: Session, law: Property, dtype: str, regimes: Sequence[str]
) -> Iterator[tuple[Drawn, Case, Variant]]:
    """One of the law's cases in each regime."""
    begin, wanted = session.share(law, dtype)
    cases = session.drawn(law.operator, begin + wanted)[begin:]
    for drawn, regime in zip(cases, regimes, strict=False):
        variant = replace(variant_of(law), regimes=(regime,))
        try:
            yield drawn, session.case_of(law, drawn, None, variant), variant
        except Unsatisfied:
            continue


def _cases(
    session: Session, law: Property, dtype: str, tally: Tally
) -> Iterator[tuple[Drawn, Case]]:
    """The profile's number of decided cases, and more while the law was hardly reached."""
    index, wanted = session.share(law, dtype)
    if law.template:
        wanted = max(wanted, METERED_CASES if law.measures else HYGIENE_CASES)
    enough = index + wanted
    while True:
        decided = tally.held + tally.failed
        # A precondition that does not hold costs little, a law that is never asked much.
        patience = 1 if decided else PATIENCE
        if index >= enough + session.profile.extra * patience:
            return
        few = tally.largest <= SMALL and decided < wanted + 2 * len(law.alternatives)
        if (
            decided >= wanted
            and all(tally.reached.get(name) for name in law.spec.reach)
            and not (few and _choices(session, law) - tally.chosen)
        ):
            return
        # Refusing everything, or lacking what the law needs, will not change.
        if decided == 0 and tally.not_claimed + tally.refused >= wanted:
            return
        drawn = session.drawn(law.operator, max(enough, index + 1))
        if index >= len(drawn):
            return
        item = drawn[index]
        index += 1
        try:
            case = session.case_of(law, item)
        except Unsatisfied:
            tally.other += 1
            continue
        except OptionNotClaimed as missing:
            tally.not_claimed += 1
            tally.reasons.append(str(missing))
            return
        yield item, case


def _choices(session: Session, law: Property) -> frozenset[tuple[str, object]]:
    """What the law chooses between, without options that the target lacks."""
    options = session.book.operator(law.operator).spec.options
    claimed = session.claims[law.operator].options if law.operator in session.claims else ()
    return frozenset(x for x in law.alternatives if x[0] not in options or x[0] in claimed)


def _outcome(
    law: Property, tally: Tally, failing: object, broken: Trial | None
) -> tuple[Outcome, str]:
    if broken is not None:
        return Outcome.ERROR, f"the spec is at fault: {broken.message}"
    decided = tally.held + tally.failed
    if failing is not None:
        trial: Trial = failing[2]  # type: ignore[index]
        if law.spec.holds == "always" or trial.outcome is not Outcome.FAIL:
            return trial.outcome, ""
        needed = 1 if law.spec.holds == "sometimes" else -(-decided // 2)
        if tally.held < needed:
            return Outcome.FAIL, ""
    last = tally.reasons[-1].split("\n")[0] if tally.reasons else ""
    if decided == 0:
        if tally.refused:
            return Outcome.UNSUPPORTED, f"the target refuses every case ({last})"
        if tally.not_claimed:
            return Outcome.UNSUPPORTED, f"not claimed: {last}"
        if tally.other:
            return (
                Outcome.UNSUPPORTED if "conventions" in last else Outcome.INCOMPLETE,
                f"no case was decided ({last or 'none fits the conditions'})",
            )
        return Outcome.INCOMPLETE, "no case could be drawn within the target's limits"
    missing = [name for name in law.spec.reach if not tally.reached.get(name)]
    if missing and tally.not_claimed:  # by cases that need no operator that the target lacks
        return Outcome.UNSUPPORTED, f"not claimed: {last}"
    if missing:
        return Outcome.INCOMPLETE, f"never reached: {', '.join(missing)}"
    return Outcome.PASS, ""
