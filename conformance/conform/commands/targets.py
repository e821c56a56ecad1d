"""`conform smoke` and `conform init`: the first minutes with a target."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from conform.draw.case import Case, Source, Value
from conform.draw.expressions import Unsatisfied
from conform.draw.structure import draw_cases, vary
from conform.draw.variant import Variant
from conform.errors import ConformError
from conform.run.constraints import constraints_of
from conform.run.material import materialise
from conform.run.preflight import signatures
from conform.run.requests import Asked, make_request
from conform.spec.book import Book, Operator, built_in
from conform.target.claims import OperatorClaim, TargetDescription
from conform.target.ref import parse_target
from conform.target.scaffold import write_adapter
from conform.target.smoke import SmokeLine, smoke
from conform.work.client import WorkerClient
from conform.work.protocol import CallRequest

TRIED = 10  # drawn cases, of which the smallest is called
SEED = 0


def smoke_command(target: str, device: str = "") -> int:
    """Load the target, print what it claims, call each operator once; 0 if all of them answered.

    Raises ConformError when the target cannot be loaded.
    """
    book = built_in()
    with WorkerClient(
        parse_target(target), operators=signatures(book), device=device or None
    ) as client:
        description, lines = smoke(client, lambda claim, about: plain_request(book, claim, about))
    _print_description(description)
    for line in lines:
        print(_line(line))
    silent = [line.operator for line in lines if not line.answered]
    if silent:
        print(f"\n{len(silent)} of {len(lines)} operators did not answer: {', '.join(silent)}")
        return 1
    print(
        f"\nall {len(lines)} operators answered; whether rightly, says: "
        f"conform run --target {target}"
    )
    return 0


def plain_case(operator: Operator, claim: OperatorClaim) -> Case | None:
    """The smallest of some drawn cases, options at defaults where it can be; None if none fits."""
    limits = constraints_of(operator, claim)
    defaults = {
        name: option.default
        for name, option in operator.spec.options.items()
        if name in claim.options and not option.required and name not in claim.limits
    }
    drawn = draw_cases(operator.spec, TRIED, SEED, limits)
    for variant in (Variant(regimes=("normal",), options=defaults), Variant(regimes=("normal",))):
        cases = []
        for item in drawn:
            try:
                cases.append(vary(operator.spec, item, SEED, limits, variant))
            except Unsatisfied:
                continue
        if cases:
            return min(cases, key=_elements)
    return None


def plain_request(book: Book, claim: OperatorClaim, about: TargetDescription) -> CallRequest | None:
    """A call of the operator on its plain case, contiguous, in the first claimed dtype."""
    operator = book.operator(claim.operator)
    case = plain_case(operator, claim)
    if case is None:
        return None
    material = materialise(operator, case, about.dtypes[0], lambda name: name in claim.options)
    plain = replace(claim, strides="contiguous")
    return make_request(material, operator.spec, plain, Asked(material.inputs, material.options))


def _elements(case: Case) -> int:
    values: list[Value] = [*case.inputs.values(), *case.options.values()]
    total = 0
    for value in values:
        if isinstance(value, Source):
            count = 1
            for size in value.shape:
                count *= size
            # An empty tensor is legal, but says little.
            total += count if count else 10**9
    return total


def _print_description(about: TargetDescription) -> None:
    versions = ", ".join(f"{name} {version}" for name, version in about.versions.items())
    print(f"{about.name} on {about.device}: {', '.join(about.dtypes)} ({versions})")
    for name in about.skipped:
        print(f"  {name} was imported from torch and is not declared: not taken for the target's")
    if not about.operators:
        raise ConformError(
            "no-operator",
            f"{about.name} has no operator",
            hint="a function's name says which operator it is: `conform list`",
        )


def _line(line: SmokeLine) -> str:
    options = f" options: {', '.join(line.options)}" if line.options else ""
    through = "" if line.function == line.operator else f" ({line.function})"
    mark = "ok  " if line.answered else "FAIL"
    return f"  {mark} {line.operator}{through}: {line.note}.{options}"


def init_command(name: str, operators: tuple[str, ...]) -> None:
    """Write `NAME.py` with a function for each operator.

    Raises ConformError for an unknown operator, a name that cannot be a module's, and a file that
    is there already.
    """
    book = built_in()
    for operator in operators:
        book.operator(operator)
    name = name.removesuffix(".py")
    known = {signature.name: signature for signature in signatures(book)}
    text = write_adapter(name, [known[operator] for operator in dict.fromkeys(operators)])
    path = Path(f"{name}.py")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConformError(
            "target-exists",
            f"{path} is there already and was left as it is",
            hint="choose another name, or delete the file first",
        ) from None
    print(f"wrote {path}; fill in the functions, then try it: conform smoke {path}")
