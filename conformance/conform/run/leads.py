"""Cases with other leading dims, of operators whose contract takes any number of them.

Laws are written for one number of dims; code that flattens, or sums over all dims but one, is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from conform.draw.case import Case, Source
from conform.draw.expressions import Unsatisfied
from conform.draw.leads import LEADS, USUAL_LEADS
from conform.draw.variant import Drawn, Variant
from conform.law.grammar import LawError, free_names, parse
from conform.run.far import NORMAL
from conform.run.replies import head_major
from conform.run.session import Session, variant_of
from conform.run.usual import answered
from conform.spec.book import Property
from conform.target.declaration import LAYOUTS

TRIED = 6  # drawn cases, until one has no dim of a single entry


def lead_cases(
    session: Session, law: Property, dtype: str
) -> Iterator[tuple[Drawn, Case, Variant]]:
    """A case without leading dims, with a single one, and with one more.

    All in one dtype; values of tokens without a batch in every one, as packed sequences have it.
    None where the target's claim speaks of the leading dims.
    """
    first = dtype == ("float32" if "float32" in session.dtypes else session.dtypes[0])
    asked = LEADS if first else USUAL_LEADS if law.kind == "agreement" else ()
    if not takes_leads(session, law):
        return
    for leads in asked:
        variant = replace(variant_of(law), regimes=NORMAL, leads=leads)
        found = None
        for drawn, case in _legal(session, law, dtype, variant):
            found = found or (drawn, case)
            if _shows(case):
                found = drawn, case
                break
        if found is not None:
            yield *found, variant


def _legal(
    session: Session, law: Property, dtype: str, variant: Variant
) -> Iterator[tuple[Drawn, Case]]:
    """What was drawn with those leading dims, but for a token by itself: that is nobody's habit."""
    for drawn in session.drawn(law.operator, TRIED):
        try:
            case = session.case_of(law, drawn, None, variant)
        except (Unsatisfied, LawError):
            continue
        if not any(x.shape == () for x in _tensors(case)) and answered(session, law, case, dtype):
            yield drawn, case


def _shows(case: Case) -> bool:
    """Whether no dim of a single entry hides what is done along it."""
    return all(n > 1 for x in _tensors(case) for n in x.shape)


def _tensors(case: Case) -> list[Source]:
    return [x for x in case.inputs.values() if isinstance(x, Source) and not x.is_callable]


def takes_leads(session: Session, law: Property) -> bool:
    """Whether the operator has leading dims of any number, and the claim none of its own."""
    spec = session.book.operator(law.operator).spec
    claim = session.claims[law.operator]
    if claim.layout != LAYOUTS[0] and any(head_major(item.shape) for item in spec.inputs.values()):
        return False
    named = {*claim.limits, *(name for text in claim.requires for name in free_names(parse(text)))}
    return bool(spec.leading) and named.isdisjoint(spec.leading)
