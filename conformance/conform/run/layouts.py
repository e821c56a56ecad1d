"""Cases in every memory layout that a target takes, for laws that ask for them.

Strides are drawn, too, but those of images (channels innermost) come in one case of twenty, and
two inputs of the same shape that lie in different ways in few: there one's strides read the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, product

from conform.draw.case import Case, Source
from conform.draw.expressions import Unsatisfied
from conform.draw.layouts import each_layout
from conform.draw.variant import Drawn, Variant
from conform.law.grammar import LawError
from conform.run.leads import takes_leads
from conform.run.session import Session, variant_of
from conform.run.usual import answered
from conform.spec.book import Property
from conform.spec.models import OperatorSpec

TRIED = 6  # cases, until one shows a layout
ALTERNATED = ("swapped", "transposed")  # with contiguous ones
BATCH = "B"
COMPUTED = 2**21  # elements, by the oracle; drawn cases are no larger


def layout_cases(
    session: Session, law: Property, dtype: str
) -> Iterator[tuple[Drawn, Case, Variant]]:
    """A case in each layout, of normal values; some whose inputs of a shape lie differently."""
    if law.spec.layouts != "each":
        return
    yield from _in_each(session, law)
    taken = each_layout(session.constraints(law.operator).layouts)
    dims = one_shape(session.book.operator(law.operator).spec)
    for layout in ALTERNATED:
        for turn in (f"{layout}|contiguous", f"contiguous|{layout}") if layout in taken else ():
            own = replace(variant_of(law), regimes=("normal",), layout=turn, dims=dims)
            for item in session.drawn(law.operator, TRIED):
                try:
                    case = session.case_of(law, item, None, own)
                except (Unsatisfied, LawError):
                    continue
                if _alternates(case, layout) and answered(session, law, case, dtype, COMPUTED):
                    yield item, case, own
                    break


def one_shape(spec: OperatorSpec) -> dict[str, str]:
    """Dims that take another's size, so that inputs with as many dims have one shape, but for the
    batch."""
    order = list(spec.dims)
    same = {name: name for name in order}
    shapes = [item.shape or () for item in spec.inputs.values()]
    for one, other in combinations(shapes, 2):
        for pair in zip(one, other, strict=True) if len(one) == len(other) else ():
            if all(name in same and name != BATCH for name in pair):
                first, second = sorted((same[name] for name in pair), key=order.index)
                same = {n: first if root == second else root for n, root in same.items()}
    return {name: root for name, root in same.items() if name != root}


def _in_each(session: Session, law: Property) -> Iterator[tuple[Drawn, Case, Variant]]:
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


def _alternates(case: Case, layout: str) -> bool:
    """Whether two inputs of one shape lie in different ways, hidden by no dim of one."""
    sources = [x for x in case.inputs.values() if isinstance(x, Source) and not x.is_callable]
    turned = {x.shape for x in sources if x.layout == layout and min(x.shape) > 1}
    return bool(turned & {x.shape for x in sources if x.layout != layout})


def _shows(case: Case, layout: str) -> bool:
    """Whether an input is in the layout, and no dim of one hides it."""
    sources = (x for x in case.inputs.values() if isinstance(x, Source))
    return any(x.layout == layout and min(x.shape, default=1) > 1 for x in sources)
