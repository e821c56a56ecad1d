"""Cases in every memory layout that a target takes, for laws that ask for them.

Strides are drawn, too, but those of images (channels innermost) come in one case of twenty.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from conform.draw.case import Case, Source
from conform.draw.expressions import Unsatisfied
from conform.draw.layouts import each_layout
from conform.draw.variant import Drawn, Variant
from conform.run.leads import takes_leads
from conform.run.session import Session, variant_of
from conform.spec.book import Property

TRIED = 6  # cases, until one shows a layout


def layout_cases(session: Session, law: Property) -> Iterator[tuple[Drawn, Case, Variant]]:
    """A case in each layout, of normal values."""
    if law.spec.layouts != "each":
        return
    own = replace(variant_of(law), regimes=("normal",))
    taken = session.constraints(law.operator).layouts
    drawn = session.drawn(law.operator, TRIED)
    more = takes_leads(session, law)
    for place, layout in enumerate(each_layout(taken)):
        # (Of other sizes and options for each; with one leading dim more where that takes it.)
        turned = drawn[place % TRIED :] + drawn[: place % TRIED]
        for leads, item in product(("", "more") if more else ("",), turned):
            variant = replace(own, layout=layout, leads=leads)
            try:
                case = session.case_of(law, item, None, variant)
            except Unsatisfied:
                continue
            if _shows(case, layout):
                yield item, case, variant
                break


def _shows(case: Case, layout: str) -> bool:
    """Whether an input is in the layout, and no dim of one hides it."""
    sources = (x for x in case.inputs.values() if isinstance(x, Source))
    return any(x.layout == layout and min(x.shape, default=1) > 1 for x in sources)
