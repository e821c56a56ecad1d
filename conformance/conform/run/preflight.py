"""Whether the targets of a run can be judged at all, before the first of them is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from conform.draw.structure import draw_cases
from conform.errors import ConformError
from conform.run.constraints import constraints_of
from conform.spec.book import Book, Operator, Property
from conform.target.claims import OperatorClaim, OperatorSignature, TargetDescription
from conform_spec.conventions import APPLIES

if TYPE_CHECKING:
    from conform.run.runner import Request


def signatures(book: Book) -> list[OperatorSignature]:
    """What the operators' functions must accept."""
    return [
        OperatorSignature(
            name,
            tuple(op.spec.inputs),
            {k: o.default for k, o in op.spec.options.items()},
            frozenset(k for k, o in op.spec.options.items() if o.required),
            tuple(op.spec.dims),
        )
        for name, op in book.operators.items()
    ]


def asked_of(description: TargetDescription, chosen: Iterable[Property]) -> list[Property]:
    """The chosen properties of operators that the target has; ConformError when there are none."""
    claims = description.operators
    asked = [p for p in chosen if p.operator in claims]
    if not asked:
        raise ConformError(
            "nothing-selected",
            f"the target {description.name} has none of the selected operators",
            hint=f"it has: {', '.join(sorted(claims))}",
        )
    return asked


def dtypes_of(description: TargetDescription, wanted: Sequence[str]) -> tuple[str, ...]:
    """The wanted dtypes (all when none is) that the target offers; ConformError for none."""
    offered = tuple(description.dtypes)
    found = tuple(d for d in wanted if d in offered) if wanted else offered
    if not found:
        raise ConformError(
            "nothing-selected",
            f"the target claims none of the dtypes {', '.join(wanted)}",
            hint=f"it claims {', '.join(offered)}",
        )
    return found


def idle_conventions(
    book: Book, claims: Mapping[str, OperatorClaim], names: Iterable[str]
) -> list[str]:
    """Declared conventions that nothing about their operator depends on, in words."""
    found = []
    for name in names:
        asked = {c for law in book.operator(name).properties for c in law.spec.conventions}
        for convention in claims[name].conventions:
            used = name in APPLIES.get(convention, ()) or convention in asked
            if convention in APPLIES and not used:
                found.append(f"the convention {convention} does not concern {name}: no effect")
    return found


def try_conditions(operator: Operator, claim: OperatorClaim) -> None:
    """Draw under the claim's conditions; ConformError when they cannot be decided."""
    if claim.requires:
        draw_cases(operator.spec, 1, 0, constraints_of(operator, claim))


def check_targets(request: Request, book: Book, chosen: Sequence[Property]) -> None:
    """Load every target and see that something is asked of it. ConformError for the first not.

    Found out in the midst of a run, it would cost what was judged before.
    """
    from conform.target.ref import parse_target
    from conform.work.client import WorkerClient

    found = [parse_target(text) for text in request.targets]  # all names before any is loaded
    for target in found:
        with WorkerClient(
            target,
            operators=signatures(book),
            device=request.device or None,
            timeout=request.timeout,
        ) as client:
            description = client.describe()
            asked_of(description, chosen)
            dtypes_of(description, request.dtypes)
            for name in {law.operator for law in asked_of(description, chosen)}:
                try_conditions(book.operator(name), description.operators[name])
