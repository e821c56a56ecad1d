"""The smallest case on which a law still fails: dims, options, regime and layout made plainer.

Choices are labelled, so that changing one repeats all others; every candidate is judged afresh.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from conform.draw.case import Case
from conform.draw.expressions import Unsatisfied
from conform.draw.variant import Constraints, Drawn, Variant
from conform.law.grammar import LawError
from conform.run.outcomes import Kind, Trial, beyond, try_law
from conform.run.session import Session, variant_of
from conform.spec.book import Property


@dataclass(frozen=True)
class Shrunk:
    """The smallest failing case that was found, and how it fails."""

    case: Case
    trial: Trial
    drawn: Drawn
    tried: int = 0


def shrink(
    session: Session,
    law: Property,
    drawn: Drawn,
    case: Case,
    dtype: str,
    trial: Trial,
    seconds: float,
    variant: Variant | None = None,
) -> Shrunk:
    """Greedy descent for so many seconds; the case itself when nothing smaller fails.

    `variant`: how the case was varied, where not as the law says.
    """
    deadline = time.monotonic() + seconds
    best = Shrunk(case, trial, drawn)
    variant, limits = variant or variant_of(law), session.constraints(law.operator)
    tried, progress = 0, True
    while progress and time.monotonic() < deadline:
        progress = False
        for new_variant, new_limits in _candidates(session, law, best.case, variant, limits):
            if time.monotonic() > deadline:
                break
            tried += 1
            try:
                smaller = session.case_of(law, drawn, new_limits, new_variant)
            except (Unsatisfied, LawError):
                continue
            if smaller == best.case or not _legal(session, law, smaller, dtype):
                continue
            again = try_law(session, law, smaller, dtype, fresh=True)
            fails = again.kind is Kind.FAILED and again.outcome is trial.outcome
            if fails and (beyond(again) or not new_variant.long):
                best = Shrunk(smaller, again, drawn, tried)
                variant, limits, progress = new_variant, new_limits, True
                break
    return best


def _legal(session: Session, law: Property, case: Case, dtype: str) -> bool:
    """Whether the case can be filled and the oracle takes it: a dim fixed alone may not fit."""
    try:
        calls = session.fresh_calls(law.operator, case, dtype, judging=False)
        material = calls.material
        options = calls.full_options(law.operator, material.options)
        session.oracle(law.operator)(material.inputs, options, dtype)
    except (ValueError, RuntimeError, IndexError):
        return False
    return True


def _candidates(
    session: Session, law: Property, case: Case, variant: Variant, limits: Constraints
) -> Iterator[tuple[Variant, Constraints]]:
    """Plainer neighbours of the case, the boldest first."""
    spec = session.book.operator(law.operator).spec
    if limits.layouts != ("contiguous",) or variant.layout:
        yield replace(variant, layout=""), replace(limits, layouts=("contiguous",))
    if variant.leads:
        yield replace(variant, leads=""), limits
    if limits.wrt != ("all",):
        yield variant, replace(limits, wrt=("all",))
    if case.regime != "normal" and (variant.regimes is None or "normal" in variant.regimes):
        yield replace(variant, regimes=("normal",)), limits
    for name, value in case.options.items():
        if spec.options[name].required:
            continue
        default = spec.options[name].default
        if name not in law.spec.options and name not in limits.fixed and value != default:
            yield replace(variant, options={**variant.options, name: default}), limits
    for name, value in sorted(case.dims.items(), key=lambda item: -_as_int(item[1])):
        if not isinstance(value, int) or isinstance(value, bool) or value <= 1:
            continue
        for smaller in dict.fromkeys((1, 2, 3, value // 2, value - 1)):
            if smaller < value:
                fixed = {**variant.dims, name: str(smaller)}
                yield replace(variant, dims=fixed), limits


def _as_int(value: object) -> int:
    return value if isinstance(value, int) else 0
