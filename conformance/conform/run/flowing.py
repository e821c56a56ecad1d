"""Gradients that a target gives elsewhere: at other sizes, with the same words among its options.

What a target can differentiate may hang on its options, and on what it declares. A graph that is
missing at some sizes alone (one token, one expert) is no claim but a gradient that is lost, and the
caller hears nothing of it: a refusal would have been heard.
"""

from __future__ import annotations

from dataclasses import replace

from conform.draw.case import Case, Source, Value
from conform.draw.expressions import Unsatisfied
from conform.draw.options import OptionNotClaimed, tensor_draws
from conform.run.calls import NotClaimed, Refused, TargetCalls, Violation
from conform.run.session import Session, variant_of
from conform.run.slots import gradient_slots
from conform.spec.book import Property

SIBLINGS = 4  # cases that are asked whether anything flows


def flowing_elsewhere(session: Session, law: Property, calls: TargetCalls) -> frozenset[int | str]:
    """The slots to which gradients flow in a sibling of the case."""
    words = _words(calls.material.case)
    key = (law.operator, calls.dtype, tuple(words.items()))
    if key not in session.flowing:
        session.flowing[key] = _asked(session, law, calls.dtype, words)
    return session.flowing[key]


def _words(case: Case) -> dict[str, Value]:
    """The options that are no numbers; of tensors whether there is one."""
    return {
        name: "tensor" if isinstance(value, Source) else value
        for name, value in case.options.items()
        if value is None or isinstance(value, (bool, str, Source))
    }


def _asked(
    session: Session, law: Property, dtype: str, words: dict[str, Value]
) -> frozenset[int | str]:
    own = variant_of(law)
    spec = session.book.operator(law.operator).spec
    fixed = {name: value for name, value in words.items() if value != "tensor"}
    # (One of few siblings may well lack what it may.)
    given = {name: tensor_draws(spec.options[name]) for name in words.keys() - fixed.keys()}
    fixed |= {name: f"={texts[0]}" for name, texts in given.items() if texts}
    variant = replace(own, options={**own.options, **fixed})
    found: set[int | str] = set()
    for drawn in session.drawn(law.operator, SIBLINGS)[:SIBLINGS]:
        try:
            case = session.case_of(law, drawn, None, variant)
            if _words(case) != words:
                continue
            calls = session.fresh_calls(law.operator, case, dtype, judging=False)
            named: dict[int | str, object] = dict(enumerate(calls.material.inputs))
            named.update(calls.material.options)
            slots = gradient_slots(calls.material.operator.spec, calls.claim(law.operator), named)
            made = calls.call(
                law.operator, calls.material.inputs, calls.material.options, wrt=slots
            )
        except (Unsatisfied, OptionNotClaimed, NotClaimed, Refused, Violation):
            continue
        found |= set(made.wrt)
        if found >= set(slots):
            break
    return frozenset(found)
