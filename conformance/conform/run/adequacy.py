"""Which property notices which well-known mistake, run as if a target had made it."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from conform.records import Outcome
from conform.run.implementations import Bench, stored
from conform.run.mistakes import mistake_function
from conform.run.outcomes import Kind, Trial, try_law
from conform.run.session import Session
from conform.run.verify import Tally, _cases, _outcome
from conform.spec.book import Property
from conform.spec.models import MistakeSpec

DTYPES = ("float32", "bfloat16")


@dataclass
class Row:
    """One mistake: `implied` are agreement and gradient ids that notice it, `laws` the others.

    A law notices by what it says alone: its calls are not held against the reference.
    """

    mistake: str
    implied: list[str] = field(default_factory=list)
    laws: list[str] = field(default_factory=list)
    raised: str = ""

    @property
    def caught(self) -> bool:
        """Whether anything notices it."""
        return bool(self.implied or self.laws)

    @property
    def beyond(self) -> list[str]:
        """Laws that notice what agreement does not."""
        agreed = any(name.endswith(".agrees-with-reference") for name in self.implied)
        return [] if agreed else list(self.laws)


@dataclass
class Matrix:
    """The mistakes of one operator; `idle` are its own laws that notice none of them."""

    operator: str
    rows: list[Row] = field(default_factory=list)
    laws: list[str] = field(default_factory=list)
    idle: list[str] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)

    @property
    def missed(self) -> list[str]:
        """Mistakes that nothing notices."""
        return [row.mistake for row in self.rows if not row.caught]


def matrix(bench: Bench, name: str) -> Matrix:
    """Every mistake of an operator against every property of it."""
    operator = bench.book.operator(name)
    found = Matrix(name)
    for mistake in operator.spec.mistakes:
        found.rows.append(_row(bench, name, mistake, found))
    own = [
        law
        for law in operator.properties
        if law.kind == "law"
        and not law.template
        and law.spec.holds == "always"
        # What a call costs is no matter of formulas: wrong kernels are the evidence for those laws.
        and not law.measures
    ]
    noticed = {identifier for row in found.rows for identifier in row.laws}
    found.laws = [law.id for law in own]
    found.idle = [law.id for law in own if law.id not in noticed]
    return found


def _row(bench: Bench, name: str, mistake: MistakeSpec, found: Matrix) -> Row:
    operator = bench.book.operator(name)
    # In float64 and rounded once: nothing is wrong but the mistake itself.
    wrong = stored(operator, mistake_function(operator, mistake, bench.oracle), torch.float64)
    judged = bench.session(name, wrong)
    alone = bench.session(name, wrong, judged=False)
    row = Row(f"{name}.{mistake.id}")
    for law in operator.properties:
        session = alone if law.kind == "law" else judged
        if not session.asked(law) or law.measures:
            continue
        for dtype in dtypes_of(law):
            outcome, words = notices(session, law, dtype)
            if outcome is Outcome.FAIL:
                (row.laws if law.kind == "law" else row.implied).append(law.id)
                break
            if outcome is Outcome.ERROR:
                found.faults[law.id] = words
            elif words and not row.raised:
                row.raised = words
    return row


def dtypes_of(law: Property) -> list[str]:
    """The dtypes in which a law is tried."""
    if law.spec.dtypes is None:
        return list(DTYPES)
    allowed: list[str] = list(law.spec.dtypes)
    return [dtype for dtype in DTYPES if dtype in allowed] or allowed[:1]


def notices(session: Session, law: Property, dtype: str) -> tuple[Outcome, str]:
    """FAIL when the law refutes the session's target; ERROR (and why) for a law at fault.

    A mistake that raises on a case was not made for it: that refutes nothing.
    """
    tally = Tally()
    failing: tuple[object, object, Trial] | None = None
    raised = ""
    for drawn, case in _cases(session, law, dtype, tally):
        trial = try_law(session, law, case, dtype)
        if trial.kind is Kind.FAILED and trial.outcome is not Outcome.FAIL:
            raised = trial.message.split("\n")[0]
            trial = Trial(Kind.UNDECIDED, trial.message)
        tally.add(trial, case)
        if trial.kind is Kind.FALSE_LAW:
            return Outcome.ERROR, trial.message
        if trial.kind is Kind.FAILED:
            failing = failing or (drawn, case, trial)
            if law.spec.holds == "always":
                return Outcome.FAIL, trial.message
    outcome, _ = _outcome(law, tally, failing, None)
    return (outcome, "") if outcome is Outcome.FAIL else (Outcome.PASS, raised)
