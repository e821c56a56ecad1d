"""Cases in which a tensor, or an option, that usually holds numbers is zero.

Biases, gates, second factors, prompts and first states begin at zero. Code that looks whether there
is anything in them takes zeros for a tensor that was left out: it then never learns, and what is
no zero in effect (a sink of zero has weight one) is missing. A scale, a rate or a weight of zero is
taken for the default.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch

from conform.draw.case import FLOAT_GENERATORS, Case, derive_seed
from conform.draw.expressions import Unsatisfied
from conform.draw.options import OptionNotClaimed, tensor_draws
from conform.draw.variant import Drawn, Variant
from conform.judge.sampling import as_tuple
from conform.law.grammar import LawError
from conform.run.far import NORMAL
from conform.run.session import Session, variant_of
from conform.run.usual import answered
from conform.spec.book import Property
from conform.spec.models import InputSpec, OperatorSpec

TRIED = 6  # drawn cases, until one is small enough and defined
# (What is positive, or adds up to one, is never zero.)
MAY_BE_ZERO = FLOAT_GENERATORS - {"positive", "distribution", "uniform", "lse", "cotangent"}


def zero_cases(
    session: Session, law: Property, dtype: str
) -> Iterator[tuple[Drawn, Case, Variant]]:
    """One case with every shift zero, some with one tensor of zeros, by itself and with all shifts
    as in a fresh model, and one for every option that is a number, which is zero.

    In one dtype; where the reference takes it and its results are numbers.
    """
    if dtype != ("float32" if "float32" in session.dtypes else session.dtypes[0]):
        return
    spec = session.book.operator(law.operator).spec
    drawn = session.drawn(law.operator, TRIED)
    own = replace(variant_of(law), regimes=NORMAL)
    for variant in _variants(session, spec, own, drawn):
        for item in drawn:
            try:
                case = session.case_of(law, item, None, variant)
            except (Unsatisfied, LawError, OptionNotClaimed):
                continue
            if _tells(session, law, case, dtype, variant.zero_option):
                yield item, case, variant
                break


def _variants(
    session: Session, spec: OperatorSpec, own: Variant, drawn: list[Drawn]
) -> Iterator[Variant]:
    """What is zero: all shifts, each tensor that is optional, what begins so, some others, each
    number."""
    chance = random.Random(derive_seed(session.seed, spec.operator, "zeros"))
    shifts = tuple(name for name, item in spec.inputs.items() if item.values == "shift")
    if shifts:
        yield replace(own, zeros=shifts)
    for name, item in spec.options.items():
        given = tensor_draws(item)
        if given:
            options = {**own.options, name: f"={chance.choice(given)}"}
            yield replace(own, options=options, zeros=(name,))
    first = [name for name, item in spec.inputs.items() if item.starts_at_zero]
    if len(first) > 1:
        yield replace(own, zeros=(*first, *shifts))
    tensors = [n for n, item in spec.inputs.items() if _may_be_zero(item) and n not in shifts]
    chance.shuffle(tensors)
    tensors.sort(key=lambda name: name not in first)
    for name in tensors[: max(session.profile.far_gradients, len(first))]:
        yield replace(own, zeros=(name,))
        if shifts:
            yield replace(own, zeros=(name, *shifts))
    for name in _numbers(spec, drawn):
        yield replace(own, options={**own.options, name: 0.0}, zero_option=name)


def _may_be_zero(item: InputSpec) -> bool:
    """Of a tensor; what keeps to certain regimes has a reason, but where it always begins so."""
    words = item.values.split("(")[0]
    usual = item.scalar is None and words in MAY_BE_ZERO and item.regimes is None
    return usual or item.starts_at_zero


def _numbers(spec: OperatorSpec, drawn: list[Drawn]) -> list[str]:
    """The options that are floats in some case: `scale or the default` takes zero for none."""
    names = [name for name, item in spec.options.items() if item.zero]
    return [name for name in names if any(type(d.case.options[name]) is float for d in drawn)]


def _tells(session: Session, law: Property, case: Case, dtype: str, option: str) -> bool:
    """Whether the oracle takes the case, its results are numbers (0 / 0 is nobody's), and an
    `option` of 0 shows in them: a softmax over one key is the same at every scale."""
    try:
        if not answered(session, law, case, dtype):
            return False
    except ZeroDivisionError:
        return False
    results = _results(session, law, case, dtype, {})
    if not all(bool(torch.isfinite(x).all()) for x in results):
        return False
    default = session.book.operator(law.operator).spec.options[option].default if option else 0.0
    if default == 0.0:
        return True
    try:
        usual = _results(session, law, case, dtype, {option: default})
    except (ValueError, ZeroDivisionError):
        return True
    return not all(map(torch.equal, results, usual))


def _results(
    session: Session, law: Property, case: Case, dtype: str, changed: Mapping[str, Any]
) -> tuple[torch.Tensor, ...]:
    """The oracle's results of a case, with some options changed."""
    calls = session.fresh_calls(law.operator, case, dtype, judging=False)
    options = {**calls.full_options(law.operator, calls.material.options), **changed}
    results = as_tuple(session.oracle(law.operator)(calls.material.inputs, options, dtype))
    return tuple(torch.as_tensor(x) for x in results)
