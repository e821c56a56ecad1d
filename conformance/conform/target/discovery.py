"""Which functions of a loaded module are operators."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from conform.errors import ConformError
from conform.nearest import nearest, nearest_name
from conform.target.claims import OperatorClaim, OperatorSignature
from conform.target.declaration import (
    Declaration,
    OperatorDeclaration,
    read_declaration,
    read_operator,
)
from conform.target.decorator import marks_of
from conform.target.reading import Place
from conform.target.signatures import claim_of, is_module

Function = Callable[..., Any]

_SHOWN_NAMES = 12


@dataclass(frozen=True)
class Discovered:
    """A target's declaration, and its operators with their functions."""

    declaration: Declaration
    functions: Mapping[str, Function]
    claims: Mapping[str, OperatorClaim]
    skipped: tuple[str, ...]


@dataclass(frozen=True)
class _Candidate:
    function: Function
    name: str
    declared: OperatorDeclaration
    place: Place


def discover(module: ModuleType, target: str, operators: Sequence[OperatorSignature]) -> Discovered:
    """Find the operators of `module`: declared ones, decorated ones, and those found by name.

    Raises ConformError for anything wrong in a declaration or signature, and `no-operator` when
    nothing was found.
    """
    contracts = {operator.name: operator for operator in operators}
    declaration = read_declaration(target, getattr(module, "CONFORM", {}), contracts)
    candidates = _decorated(module, target, contracts)
    for name, declared in declaration.operators.items():
        if name in candidates:
            raise (
                Place(target)
                .key("operators")
                .key(name)
                .wrong(
                    "a declaration",
                    f"none, as {candidates[name].name} declares '{name}' by decorator",
                )
            )
        candidates[name] = _declared(module, target, name, declared)
    skipped = []
    for name in contracts:
        value = vars(module).get(name)
        if name in candidates or value is None or isinstance(value, ModuleType):
            continue
        if not callable(value):
            continue
        if _is_torchs(value):
            skipped.append(name)
            continue
        candidates[name] = _Candidate(
            value, name, OperatorDeclaration(), Place(target, f"function {name}")
        )
    if not candidates:
        raise _nothing_found(module, target, contracts, skipped)
    claims = {}
    for name in contracts:
        if name in candidates:
            found = candidates[name]
            _check_function(found)
            claims[name] = claim_of(
                found.function, found.name, contracts[name], found.declared, found.place
            )
    functions = {name: candidates[name].function for name in claims}
    return Discovered(declaration, functions, claims, tuple(skipped))


def _decorated(
    module: ModuleType, target: str, contracts: Mapping[str, OperatorSignature]
) -> dict[str, _Candidate]:
    found: dict[str, _Candidate] = {}
    for name, value in list(vars(module).items()):
        for mark in marks_of(value):
            place = Place(target, f"@implements on {name}")
            operator = place.name(mark.operator, contracts, "operator")
            if operator in found and found[operator].function is not value:
                raise ConformError(
                    "wrong-declaration",
                    f"both {found[operator].name} and {name} are declared as '{operator}'",
                    where=target,
                )
            declared = read_operator(place, mark.declaration)
            found.setdefault(operator, _Candidate(value, name, declared, place))
    return found


def _declared(
    module: ModuleType, target: str, operator: str, declared: OperatorDeclaration
) -> _Candidate:
    place = Place(target).key("operators").key(operator)
    written = declared.function or operator
    at = place.key("function") if declared.function else place
    module_name, colon, path = written.rpartition(":")
    owner: Any = _import(module_name, at) if colon else module
    for part in path.split("."):
        if not hasattr(owner, part):
            names = _public_names(owner)
            raise ConformError(
                "declared-function-missing",
                f"{at.path}: there is no '{written}'{nearest(part, names)}",
                hint=f"names seen: {_listed(names)}",
                where=target,
            )
        owner = getattr(owner, part)
    return _Candidate(owner, written, declared, place)


def _import(name: str, place: Place) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise place.wrong(name, f"an importable module ({error})") from error


def _is_torchs(value: object) -> bool:
    """Whether a function found by name is torch's own, imported as a helper."""
    if is_module(value) or hasattr(value, "schema"):
        return False  # an instance that the file made, or what torch.jit made of its function
    owner = getattr(value, "__module__", None) or ""
    return owner.partition(".")[0] in ("torch", "math", "numpy") or inspect.isbuiltin(value)


def _check_function(found: _Candidate) -> None:
    if inspect.isclass(found.function):
        raise ConformError(
            "not-a-function",
            f"{found.place.path}: '{found.name}' is a class; expected a function or a callable "
            "object",
            hint=f"name an instance, or write a function that uses {found.name}",
            where=found.place.target,
        )
    if not callable(found.function):
        raise ConformError(
            "not-a-function",
            f"{found.place.path}: '{found.name}' is a {type(found.function).__name__}; expected a "
            "function",
            where=found.place.target,
        )


def _public_names(owner: object) -> list[str]:
    return [
        name
        for name in dir(owner)
        if not name.startswith("_") and callable(getattr(owner, name, None))
    ]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN_NAMES]) or "none"
    more = len(names) - _SHOWN_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def _nothing_found(
    module: ModuleType,
    target: str,
    contracts: Mapping[str, OperatorSignature],
    skipped: Sequence[str],
) -> ConformError:
    names = [
        name for name, value in vars(module).items() if not name.startswith("_") and callable(value)
    ]
    hint = "name a function after its operator, or declare it in CONFORM['operators']"
    for name in names:
        close = nearest_name(name, contracts)
        if close is not None:
            hint = (
                f"'{name}' is close to the operator '{close}': rename it, or declare "
                f"CONFORM = {{'operators': {{'{close}': {{'function': '{name}'}}}}}}"
            )
            break
    if skipped:
        hint += f"; imported from torch and not taken for the target's own: {_listed(skipped)}"
    return ConformError(
        "no-operator",
        f"no operator found; public functions seen: {_listed(names)}",
        hint=hint,
        where=target,
    )
