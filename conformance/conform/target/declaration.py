"""The `CONFORM` dict of a target, parsed. Everything in it is checked; nothing is guessed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from conform.target.limits import Limit, Plain, read_limit
from conform.target.reading import Place
from conform_spec.conventions import CONVENTIONS

LAYOUTS = ("BHLD", "BLHD")
STRIDES = ("any", "last_contiguous", "contiguous")
DTYPES = ("float64", "float32", "bfloat16", "float16")
DEFAULT_DTYPES = ("float32", "bfloat16")

PROMISES = ("traffic",)

_TARGET_KEYS = ("name", "device", "dtypes", "operators", "promises")
OPERATOR_KEYS = (
    "function",
    "layout",
    "requires",
    "fixed",
    "limits",
    "conventions",
    "rounding",
    "differentiable",
    "options",
    "strides",
    "mutates",
)

Options = tuple[str, ...] | Mapping[str, str]


@dataclass(frozen=True)
class OperatorDeclaration:
    """What a target says about one operator; a field that is None was not said.

    `options` is a list of contract options that the function takes (it narrows, or says what
    `**kwargs` takes), or a dict from contract option to the function's own name for it.
    """

    function: str | None = None
    layout: str = "BHLD"
    requires: tuple[str, ...] = ()
    fixed: Mapping[str, Plain] = field(default_factory=dict)
    limits: Mapping[str, Limit] = field(default_factory=dict)
    conventions: Mapping[str, str] = field(default_factory=dict)
    rounding: str | None = None
    differentiable: bool | tuple[str, ...] | None = None
    options: Options | None = None
    strides: str = "any"
    mutates: tuple[str, ...] = ()


@dataclass(frozen=True)
class Declaration:
    """What a target says about itself.

    It `promises` what the specs ask of nobody else: `traffic`, that it moves no more bytes than the
    laws of traffic allow.
    """

    name: str | None = None
    device: str = "cpu"
    dtypes: tuple[str, ...] = DEFAULT_DTYPES
    operators: Mapping[str, OperatorDeclaration] = field(default_factory=dict)
    promises: tuple[str, ...] = ()


def read_declaration(target: str, value: object, known: Collection[str]) -> Declaration:
    """Parse a CONFORM dict; `known` are the names of all operators.

    Raises ConformError naming the key, what was found, and what is expected.
    """
    place = Place(target)
    parts = place.mapping(value, _TARGET_KEYS, "a dict")
    operators = parts.get("operators", {})
    at = place.key("operators")
    if not isinstance(operators, dict):
        raise at.wrong(operators, "a dict from operator name to its declaration")
    for name in operators:
        at.name(name, known, "operator")
    return Declaration(
        name=place.key("name").string(parts["name"], "a name") if "name" in parts else None,
        device=_read_device(place.key("device"), parts.get("device", "cpu")),
        dtypes=_read_dtypes(place.key("dtypes"), parts.get("dtypes", DEFAULT_DTYPES)),
        operators={name: read_operator(at.key(name), record) for name, record in operators.items()},
        promises=_read_promises(place.key("promises"), parts.get("promises", ())),
    )


def _read_device(place: Place, value: object) -> str:
    text = place.string(value, "'cpu' or 'cuda'")
    kind, colon, index = text.partition(":")
    if kind not in ("cpu", "cuda") or (colon and not (kind == "cuda" and index.isdigit())):
        raise place.wrong(value, "'cpu', 'cuda' or 'cuda:N'")
    return text


def _read_promises(place: Place, value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise place.wrong(value, f"a list of promises among: {', '.join(PROMISES)}")
    return tuple(dict.fromkeys(place.name(item, PROMISES, "promise") for item in value))


def _read_dtypes(place: Place, value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise place.wrong(value, "a non-empty list of dtype names")
    # torch.float16 reads as "torch.float16"; accepting it spares the import for the name alone.
    names = [str(item).removeprefix("torch.") for item in value]
    return tuple(dict.fromkeys(place.name(name, DTYPES, "dtype") for name in names))


def read_operator(place: Place, value: object) -> OperatorDeclaration:
    """Parse one operator's declaration. Raises ConformError naming the place."""
    parts = place.mapping(value, OPERATOR_KEYS, "a dict")
    return OperatorDeclaration(
        function=_optional_string(place, parts, "function", "a function's name"),
        layout=place.key("layout").name(parts.get("layout", "BHLD"), LAYOUTS, "layout"),
        requires=place.key("requires").strings(parts.get("requires", ()), "a list of conditions"),
        fixed=_read_fixed(place.key("fixed"), parts.get("fixed", {})),
        limits=_read_limits(place.key("limits"), parts.get("limits", {})),
        conventions=_read_conventions(place.key("conventions"), parts.get("conventions", {})),
        rounding=_optional_string(place, parts, "rounding", "the name of a rounding model"),
        differentiable=_read_differentiable(place, parts.get("differentiable")),
        options=_read_options(place.key("options"), parts.get("options")),
        strides=place.key("strides").name(parts.get("strides", "any"), STRIDES, "value"),
        mutates=place.key("mutates").strings(parts.get("mutates", ()), "a list of inputs"),
    )


def _optional_string(
    place: Place, parts: Mapping[str, object], key: str, expected: str
) -> str | None:
    value = parts.get(key)
    return None if value is None else place.key(key).string(value, expected)


def _read_fixed(place: Place, value: object) -> dict[str, Plain]:
    if not isinstance(value, dict):
        raise place.wrong(value, "a dict from option to its value")
    for name, fixed in value.items():
        place.string(name, "option names as keys")
        if fixed is not None and not isinstance(fixed, int | float | str):
            raise place.key(name).wrong(fixed, "a number, a name, True, False or None")
    return value


def _read_limits(place: Place, value: object) -> dict[str, Limit]:
    if not isinstance(value, dict):
        raise place.wrong(value, "a dict from size or option to its limit")
    return {
        place.string(name, "sizes or options as keys"): read_limit(place.key(name), limit)
        for name, limit in value.items()
    }


def _read_conventions(place: Place, value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise place.wrong(value, "a dict from convention to its value")
    chosen = {}
    for name, choice in value.items():
        known = CONVENTIONS[place.name(name, CONVENTIONS, "convention")]
        # Values such as true and 2 are easily written without their quotes.
        plain = str(choice).lower() if isinstance(choice, (bool, int)) else choice
        chosen[name] = place.key(name).name(plain, known, "value")
    return chosen


def _read_differentiable(place: Place, value: object) -> bool | tuple[str, ...] | None:
    if value is None or isinstance(value, bool):
        return value
    return place.key("differentiable").strings(value, "True, False or a list of inputs")


def _read_options(place: Place, value: object) -> Options | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        return place.strings(value, "a list of options, or a dict from option to its name here")
    for name, here in value.items():
        place.string(name, "option names as keys")
        place.key(name).string(here, "the name of the function's parameter")
    return value
