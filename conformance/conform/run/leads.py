"""Cases with other leading dims, of operators whose contract takes any number of them.

Laws are written for one number of dims; code that flattens, or sums over all dims but one, is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from conform.draw.case import Case, Source
from conform.draw.expressions import Unsatisfied
from conform.draw.leads import LEADS
from conform.draw.variant import Drawn, Variant
from conform.law.grammar import LawError, free_names, parse
from conform.run.far import NORMAL
from conform.run.replies import head_major
from conform.run.session import Session, variant_of
from conform.run.usual import answered
from conform.spec.book import Property
from conform.target.declaration import LAYOUTS


def lead_cases(
    session: Session, law: Property, dtype: str
) -> Iterator[tuple[Drawn, Case, Variant]]:
    """A case without leading dims, with a single one, and with one more; in one dtype.

    None where the target's claim speaks of the leading dims.
    """
    if dtype != ("float32" if "float32" in session.dtypes else session.dtypes[0]):
        return
    if not takes_leads(session, law):
        return
    own = replace(variant_of(law), regimes=NORMAL)
    for drawn, leads in zip(session.drawn(law.operator, len(LEADS)), LEADS, strict=False):
        variant = replace(own, leads=leads)
        try:
            case = session.case_of(law, drawn, None, variant)
        except (Unsatisfied, LawError):
            continue
        if leads == "none" and _is_number(case):
            continue  # a token by itself, without any dim, is nobody's habit
        if answered(session, law, case, dtype):
            yield drawn, case, variant


def _is_number(case: Case) -> bool:
    tensors = [x for x in case.inputs.values() if isinstance(x, Source) and not x.is_callable]
    return any(x.shape == () for x in tensors)


def takes_leads(session: Session, law: Property) -> bool:
    """Whether the operator has leading dims of any number, and the claim none of its own."""
    spec = session.book.operator(law.operator).spec
    claim = session.claims[law.operator]
    if claim.layout != LAYOUTS[0] and any(head_major(item.shape) for item in spec.inputs.values()):
        return False
    named = {*claim.limits, *(name for text in claim.requires for name in free_names(parse(text)))}
    return bool(spec.leading) and named.isdisjoint(spec.leading)
