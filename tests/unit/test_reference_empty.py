"""No sequences, no tokens, no features: a result where the spec says so, else a ValueError."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from conform.draw.expressions import Unsatisfied
from conform.draw.structure import draw_cases, vary
from conform.draw.variant import ANY, Drawn, Variant
from conform.run.material import Material, materialise
from conform.run.oracle import Oracle
from conform.spec.book import Operator, built_in

BOOK = built_in()


def axes(operator: Operator) -> list[str]:
    """The dims that are a whole axis of some input, and so can be 0 by themselves."""
    inputs = operator.spec.inputs.values()
    used = {axis for item in inputs for axis in item.shape or ()}
    return [name for name in operator.spec.dims if name in used]


def without(operator: Operator, dim: str, drawn: Drawn) -> Material | None:
    """The drawn case with the dim at 0; None where what follows from it cannot be drawn then."""
    try:
        case = vary(operator.spec, drawn, 0, ANY, Variant({dim: "0"}))
        return materialise(operator, case, "float32")
    except (Unsatisfied, ValueError):
        return None


def results(operator: Operator, made: Material) -> tuple[Any, ...]:
    """The reference's results."""
    found = Oracle(operator, {}, "")(made.inputs, made.options, "float32")
    return found if isinstance(found, tuple) else (found,)


@pytest.mark.parametrize(
    "name", [name for name, operator in BOOK.operators.items() if operator.spec.empty]
)
def test_what_may_be_empty_gives_an_empty_result(name: str) -> None:
    operator = BOOK.operator(name)
    for dim in operator.spec.empty:
        for drawn in draw_cases(operator.spec, 3, 0):
            made = without(operator, dim, drawn)
            assert made is not None, dim
            for result, spec in zip(results(operator, made), operator.spec.results, strict=True):
                if spec.kind == "tensor" and dim in (spec.shape or ()):
                    assert result.numel() == 0, dim
                    assert result.dim() >= len(spec.shape or ()) - ("..." in (spec.shape or ()))
                if isinstance(result, torch.Tensor) and result.is_floating_point():
                    assert not torch.isnan(result).any(), dim


PLAIN = [  # a drawn sublayer has a width of its own
    name
    for name, op in BOOK.operators.items()
    if axes(op) and not any(item.values.startswith("sublayer") for item in op.spec.inputs.values())
]


@pytest.mark.parametrize("name", PLAIN)
def test_other_empty_dims_give_a_result_or_say_what_is_wrong(name: str) -> None:
    operator = BOOK.operator(name)
    for dim in sorted(set(axes(operator)) - set(operator.spec.empty)):
        for drawn in draw_cases(operator.spec, 2, 0):
            made = without(operator, dim, drawn)
            told = ""
            if made is not None:
                try:
                    assert results(operator, made)
                except ValueError as error:  # any other exception is a fault
                    told = str(error)
            assert not told or len(told) > 7, dim
