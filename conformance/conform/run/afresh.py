"""Whether a failing case fails in a process of its own, and if not, after which other case it does.

Tables, masks and compiled kernels that are kept between calls make a call wrong because of an
earlier one. Such a case holds when it is run again by itself, which is no proof that it is mended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from conform.draw.case import Case
from conform.records import Outcome
from conform.run.outcomes import Kind, Trial, try_law
from conform.run.session import Asked, Session
from conform.run.shrink import Shrunk
from conform.spec.book import Property

ENOUGH = 1.0  # seconds
TRIED = 24  # earlier cases, the latest first
REPEATABLE = (Outcome.FAIL, Outcome.ERROR)  # a crash or a hang ended the process that remembered


@dataclass(frozen=True)
class Afresh:
    """A failure as it is seen in a fresh process: `after` another case, where not by itself.

    `alone` is None where that was not tried.
    """

    small: Shrunk
    alone: bool | None = None
    after: Asked | None = None


def afresh(
    session: Session,
    law: Property,
    dtype: str,
    small: Shrunk,
    original: tuple[Case, Trial],
    earlier: Sequence[Asked],
    seconds: float,
) -> Afresh:
    """The failure in a fresh process; the case before it was shrunk, where that one alone fails.

    Of an operator's later failures it is found only where an earlier one hung on other calls.
    """
    if session.renew is None or small.trial.outcome not in REPEATABLE:
        return Afresh(small)
    if seconds < ENOUGH and law.operator not in session.remembering:
        return Afresh(small)
    deadline = time.monotonic() + max(seconds, ENOUGH)
    shown = [small]
    if original[0] != small.case:
        shown.append(replace(small, case=original[0], trial=original[1]))
    for shrunk in shown:
        again = _failing(session, session.renew, law, dtype, shrunk)
        if again is not None:
            return Afresh(again, alone=True)
    session.remembering.add(law.operator)
    before = {(x.law.id, x.case.identity(), x.dtype): x for x in reversed(earlier)}
    for shrunk in shown:
        for first in list(before.values())[:TRIED]:
            if time.monotonic() > deadline:
                return Afresh(small, alone=False)
            again = _failing(session, session.renew, law, dtype, shrunk, first)
            if again is not None:
                return Afresh(again, alone=False, after=first)
    return Afresh(small, alone=False)


def _failing(
    session: Session,
    renew: Callable[[], None],
    law: Property,
    dtype: str,
    shrunk: Shrunk,
    first: Asked | None = None,
) -> Shrunk | None:
    """The case if it fails as it did, in a new process and after `first`."""
    renew()
    if first is not None:
        try_law(session, first.law, first.case, first.dtype, fresh=True)
    again = try_law(session, law, shrunk.case, dtype, fresh=True)
    same = again.kind is Kind.FAILED and again.outcome is shrunk.trial.outcome
    return replace(shrunk, trial=again) if same else None
