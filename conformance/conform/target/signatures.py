"""From a function's signature and declaration to a claim."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from conform.errors import ConformError
from conform.target.claims import OperatorClaim, OperatorSignature
from conform.target.declaration import OperatorDeclaration
from conform.target.reading import Place

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True)
class _Shape:
    """What can be passed to a function: positionally, by name, or anything."""

    text: str
    positional: tuple[str, ...]
    named: frozenset[str]
    required: frozenset[str]
    any_positional: bool
    any_named: bool


def claim_of(
    function: Callable[..., Any],
    name: str,
    contract: OperatorSignature,
    declared: OperatorDeclaration,
    place: Place,
) -> OperatorClaim:
    """The claim of `function` (called `name` in the target) to implement `contract`.

    Raises ConformError: `wrong-signature` when the contract's inputs cannot be passed,
    `wrong-declaration` when the declaration names what the contract or the function lacks.
    """
    _check_names(contract, declared, place)
    shape = _shape_of(function, name, contract)
    taken = frozenset(shape.positional[: len(contract.inputs)])
    _check_positional(shape, contract, declared, place)
    options, renames = _claimed_options(shape, taken, contract, declared, place)
    both = sorted(options & set(declared.fixed))
    if both:
        raise place.key("fixed").wrong(
            dict(declared.fixed),
            f"only options that the function lacks; it takes '{both[0]}'",
            hint=f"to take one value only, declare limits: {{{both[0]!r}: [...]}}",
        )
    _check_required(shape, taken, options, renames, contract, declared, place)
    return OperatorClaim(
        operator=contract.name,
        function=name,
        options=options,
        renames=renames,
        fixed=declared.fixed,
        layout=declared.layout,
        requires=declared.requires,
        limits=declared.limits,
        conventions=declared.conventions,
        rounding=declared.rounding,
        differentiable=declared.differentiable,
        strides=declared.strides,
        mutates=declared.mutates,
    )


def _check_names(contract: OperatorSignature, declared: OperatorDeclaration, place: Place) -> None:
    """Every option, input and size that a declaration mentions must be the contract's."""
    for option in declared.fixed:
        place.key("fixed").name(option, contract.options, "option")
    for option in declared.options or ():
        place.key("options").name(option, contract.options, "option")
    arguments = (*contract.inputs, *contract.options)
    for name in declared.mutates:
        place.key("mutates").name(name, arguments, "input")
    if isinstance(declared.differentiable, tuple):
        for name in declared.differentiable:
            place.key("differentiable").name(name, arguments, "input")
    if contract.sizes:
        for name in declared.limits:
            place.key("limits").name(name, (*contract.sizes, "L", *arguments), "size or option")


def _shape_of(function: Callable[..., Any], name: str, contract: OperatorSignature) -> _Shape:
    # A torch module's __call__ takes anything; what it really takes is its forward's signature.
    inspected = getattr(function, "forward", function) if is_module(function) else function
    try:
        signature = _scripted(inspected) or inspect.signature(inspected)
    except (ValueError, TypeError):
        # Compiled functions may have none: the inputs are taken on trust, options must be declared.
        return _Shape(f"{name}(?)", contract.inputs, frozenset(), frozenset(), True, True)
    parameters = signature.parameters.values()
    kinds = {parameter.kind for parameter in parameters}
    empty = inspect.Parameter.empty
    return _Shape(
        text=f"{name}{signature}",
        positional=tuple(p.name for p in parameters if p.kind in _POSITIONAL),
        named=frozenset(p.name for p in parameters if p.kind in _NAMED),
        required=frozenset(
            p.name for p in parameters if p.default is empty and p.kind in (*_POSITIONAL, *_NAMED)
        ),
        any_positional=inspect.Parameter.VAR_POSITIONAL in kinds,
        any_named=inspect.Parameter.VAR_KEYWORD in kinds,
    )


def _scripted(function: object) -> inspect.Signature | None:
    """The signature of what torch.jit.script or torch.jit.trace made, which Python cannot read."""
    arguments = getattr(getattr(function, "schema", None), "arguments", None)
    if arguments is None:
        return None
    return inspect.Signature(
        [
            inspect.Parameter(
                a.name,
                inspect.Parameter.KEYWORD_ONLY
                if a.kwarg_only
                else inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=a.default_value if a.has_default_value() else inspect.Parameter.empty,
            )
            for a in arguments
            if a.name != "self"
        ]
    )


def is_module(function: object) -> bool:
    """Whether it is an instance of torch.nn.Module, told without importing torch."""
    return any(
        f"{c.__module__}.{c.__name__}" == "torch.nn.modules.module.Module"
        for c in type(function).__mro__
    )


def _wrong_signature(
    shape: _Shape, contract: OperatorSignature, place: Place, reason: str
) -> ConformError:
    return ConformError(
        "wrong-signature",
        f"wrong signature for operator '{contract.name}': {reason}\n"
        f"  expected: {contract}\n  found:    {shape.text}",
        hint="wrap it in a function with the contract's arguments; if it is not meant to be the "
        f"operator, give it another name than '{contract.name}'",
        where=place.target,
    )


def _check_positional(
    shape: _Shape, contract: OperatorSignature, declared: OperatorDeclaration, place: Place
) -> None:
    wanted = len(contract.inputs)
    if len(shape.positional) < wanted and not shape.any_positional:
        raise _wrong_signature(
            shape,
            contract,
            place,
            f"takes {len(shape.positional)} positional arguments; expected {wanted} "
            f"({', '.join(contract.inputs)})",
        )
    renamed = declared.options.values() if isinstance(declared.options, Mapping) else ()
    for index, (here, meant) in enumerate(zip(shape.positional, contract.inputs, strict=False)):
        is_option = here in contract.options and here not in contract.inputs
        if is_option or here in renamed:
            raise _wrong_signature(
                shape,
                contract,
                place,
                f"positional argument {index} is '{here}', an option; expected '{meant}'",
            )


def _claimed_options(
    shape: _Shape,
    taken: frozenset[str],
    contract: OperatorSignature,
    declared: OperatorDeclaration,
    place: Place,
) -> tuple[frozenset[str], dict[str, str]]:
    """Claimed contract options, and how the function calls those that it names differently."""
    passable = shape.named - taken
    found = frozenset(option for option in contract.options if option in passable)
    if declared.options is None:
        return found, {}
    renames = dict(declared.options) if isinstance(declared.options, Mapping) else {}
    for option in declared.options:
        here = renames.get(option, option)
        if here not in passable and not shape.any_named:
            raise place.key("options").wrong(
                here, f"parameters of {shape.text}, which has no '{here}'"
            )
    if isinstance(declared.options, Mapping):
        # An option whose name the function uses for another one is not claimed by that name.
        own = found - (set(renames.values()) - set(renames))
        return own | frozenset(renames), {o: h for o, h in renames.items() if o != h}
    return frozenset(declared.options), {}


def _check_required(
    shape: _Shape,
    taken: frozenset[str],
    options: frozenset[str],
    renames: Mapping[str, str],
    contract: OperatorSignature,
    declared: OperatorDeclaration,
    place: Place,
) -> None:
    passed = {renames.get(option, option) for option in options}
    missing = sorted(shape.required - taken - passed)
    if missing:
        raise _wrong_signature(
            shape, contract, place, f"it requires '{missing[0]}', which the contract does not pass"
        )
    unmet = sorted(contract.required - options - set(declared.fixed))
    if unmet:
        raise _wrong_signature(
            shape, contract, place, f"it does not take '{unmet[0]}', which the contract requires"
        )
