"""Cases that differ in one option or number and in nothing else, one after the other.

Kernels are compiled, and tables and masks kept, for what a call looks like. What the key leaves out
(a number of sinks, an activation, a flag) is that of the first call for ever; calls of other sizes,
which cases drawn by themselves mostly are, never ask for the same entry.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import torch

from conform.draw.case import Case, Plain, Source, derive_seed
from conform.draw.expressions import Unsatisfied
from conform.draw.options import OptionNotClaimed
from conform.draw.variant import Drawn, Variant
from conform.law.grammar import LawError, free_names, parse
from conform.run.far import NORMAL
from conform.run.session import Session, variant_of
from conform.run.usual import answered
from conform.run.zeros import results_of
from conform.spec.book import Property
from conform.spec.models import OperatorSpec

TRIED = 6  # drawn cases, until a change shows


def turn_cases(
    session: Session, law: Property, dtype: str
) -> Iterator[tuple[Drawn, Case, Variant]]:
    """For each option and number a case, and the same with another one, that shows.

    In one dtype; of gradients as many as the profile says. The other one is what some drawn case
    has, so that it is within the target's limits, and only what hangs on no size is changed.
    """
    if dtype != ("float32" if "float32" in session.dtypes else session.dtypes[0]):
        return
    spec = session.book.operator(law.operator).spec
    pools = _pools(spec, session.drawn(law.operator, session.profile.agreement))
    names = sorted(pools)
    random.Random(derive_seed(session.seed, law.operator, "turns")).shuffle(names)
    left = session.profile.far_gradients if law.kind == "gradient" else len(names)
    variant = replace(variant_of(law), regimes=NORMAL)
    bases = list(_bases(session, law, dtype, variant)) if pools else []
    for name in names[:left]:
        for drawn, case in bases:
            other = _other(session, law, case, dtype, name, pools[name])
            if other is not None:
                yield drawn, case, variant
                yield drawn, other, variant
                break


def _bases(
    session: Session, law: Property, dtype: str, variant: Variant
) -> Iterator[tuple[Drawn, Case]]:
    """Some cases that the oracle takes."""
    for drawn in session.drawn(law.operator, TRIED):
        try:
            case = session.case_of(law, drawn, None, variant)
        except (Unsatisfied, LawError, OptionNotClaimed):
            continue
        if answered(session, law, case, dtype):
            yield drawn, case


def _other(
    session: Session, law: Property, case: Case, dtype: str, name: str, pool: list[Plain]
) -> Case | None:
    """The case with another option or number that is legal, and changes the results."""
    accept = session.constraints(law.operator).accept
    values = {**case.inputs, **case.options}
    for value in pool:
        if name not in values or value == values[name]:
            continue
        other = _with(case, name, value)
        taken = accept(other) and answered(session, law, other, dtype)
        if taken and _shows(session, law, case, other, dtype):
            return other
    return None


def _shows(session: Session, law: Property, case: Case, other: Case, dtype: str) -> bool:
    """Whether the results are not those of the case itself."""
    own, changed = (results_of(session, law, x, dtype, {}) for x in (case, other))
    return not all(map(torch.equal, own, changed))


def _pools(spec: OperatorSpec, others: list[Drawn]) -> dict[str, list[Plain]]:
    """What each option or number may be: what it is in other cases, where it hangs on nothing else
    and nothing on it, and its default elsewhere (which is what it always is where claims lack it).
    """
    texts = {name: item.scalar for name, item in spec.inputs.items() if item.scalar is not None}
    texts |= {name: item.draw for name, item in spec.options.items() if item.draw is not None}
    named = {name: set(free_names(parse(text))) for name, text in texts.items()}
    shapes = [x for item in spec.inputs.values() for x in (*(item.shape or ()), item.values)]
    used = {x for text in shapes if text != "..." for x in free_names(parse(text))}.union(
        *named.values()
    )
    pools: dict[str, list[Plain]] = {}
    for name, names in named.items():
        if names.isdisjoint({*texts, *spec.dims}) and name not in used:
            found = [{**item.case.inputs, **item.case.options}.get(name) for item in others]
            pools[name] = list(dict.fromkeys(x for x in found if not isinstance(x, Source)))
        elif name in spec.options and not spec.options[name].required:
            pools[name] = [spec.options[name].default]
    return pools


def _with(case: Case, name: str, value: Plain) -> Case:
    if name in case.options:
        return replace(case, options={**case.options, name: value})
    return replace(case, inputs={**case.inputs, name: value})
