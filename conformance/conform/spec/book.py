"""All specs together: operators with parsed laws, names checked, templates expanded."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

from conform.errors import ConformError
from conform.law.grammar import called_operators, free_names, names_used, parse, written_out
from conform.law.names import KERNEL_MEASURES, MEASURE_NAMES
from conform.nearest import nearest
from conform.spec.loader import (
    Document,
    SpecError,
    expression_error,
    expressions,
    locate,
    read_document,
    validate,
)  # fmt: skip
from conform.spec.models import (
    AnySpec,
    ContinuationSpec,
    OperatorSpec,
    PropertySpec,
    Regime,
    TemplateSpec,
)
from conform.spec.store import kept

Documents = list[tuple[Document, AnySpec]]
AGREEMENT = "agrees-with-reference"
GRADIENT = "gradient-agrees"
# Where gradients are asked: equal values meet at kinks, and round alike in ways no sample shows.
SMOOTH: tuple[Regime, ...] = ("normal", "large", "tiny", "outlier", "mixed_scale")
# Names that the checker supplies to every law.
_SUPPLIED = frozenset({"inputs", "options", "op", "ref", "dtype_name", "itemsize", "u"})


@dataclass(frozen=True)
class Property:
    """One law of one operator, parsed."""

    operator: str
    spec: PropertySpec
    file: str
    template: bool = False
    unpromised: bool = False  # asked of a target that does not promise it

    @property
    def id(self) -> str:
        """Unique id; a template's law is prefixed by its operator."""
        return f"{self.operator}.{self.spec.id}" if self.template else self.spec.id

    @property
    def kind(self) -> str:
        """`agreement` and `gradient` come by themselves; the others are `law`."""
        tail = self.spec.id.rsplit(".", 1)[-1]
        return {AGREEMENT: "agreement", GRADIENT: "gradient"}.get(tail, "law")

    @cached_property
    def law(self) -> ast.expr:
        """The law's tree."""
        return parse(self.spec.law)

    @cached_property
    def lets(self) -> dict[str, ast.expr]:
        """Trees of the `let` bindings."""
        return {name: parse(text) for name, text in self.spec.let.items()}

    @cached_property
    def differentiates(self) -> bool:
        """Whether gradients are asked for."""
        return bool(names_used(self.law, self.lets) & {"grad", "vjp"})

    @cached_property
    def measures(self) -> frozenset[str]:
        """The measures that the law reads off metered calls."""
        return frozenset(names_used(self.law, self.lets) & MEASURE_NAMES)

    @property
    def kernels_only(self) -> bool:
        """Whether the law says nothing of a call that launches no Triton kernel."""
        return self.unpromised or bool(self.measures & KERNEL_MEASURES)

    @cached_property
    def where(self) -> ast.expr | None:
        """Tree of the precondition."""
        return parse(self.spec.where) if self.spec.where else None

    @cached_property
    def alternatives(self) -> frozenset[tuple[str, object]]:
        """What the law itself chooses between, sizes and options that are written out: all of it
        is asked."""
        options = {k: str(v)[1:] for k, v in self.spec.options.items() if str(v)[:1] == "="}
        found = set()
        for name, text in {**self.spec.dims, **options, **self.spec.draw}.items():
            found |= {(name, value) for value in written_out(str(text))}
        return frozenset(found)

    @cached_property
    def reach(self) -> dict[str, ast.expr]:
        """Trees of the reach counters."""
        return {name: parse(text) for name, text in self.spec.reach.items()}


@dataclass(frozen=True)
class Operator:
    """One operator: its spec, its properties (own, templated, implied) and its oracle."""

    spec: OperatorSpec
    file: str
    properties: tuple[Property, ...] = field(default=())

    @property
    def name(self) -> str:
        """The contract's name."""
        return self.spec.operator

    @property
    def counts(self) -> bool:
        """Whether it takes plain numbers to plain numbers."""
        scalars = all(x.scalar is not None for x in self.spec.inputs.values())
        return scalars and all(result.kind == "number" for result in self.spec.results)

    @cached_property
    def function(self) -> Callable[..., Any]:
        """The oracle; imported when first needed."""
        return resolve(self.spec.reference_path, self.file)


def resolve(path: str, where: str) -> Callable[..., Any]:
    """`module:function` of the reference package; SpecError when it is not there."""
    module_name, _, name = path.partition(":")
    try:
        module = import_module(module_name)
    except ImportError as error:
        raise SpecError(
            "reference-missing", f"cannot import {module_name}: {error}", where=where
        ) from None
    function = getattr(module, name, None)
    if not callable(function):
        public = [n for n, f in inspect.getmembers(module, callable) if not n.startswith("_")]
        raise SpecError(
            "reference-missing",
            f"{module_name} has no function {name!r}{nearest(name, public)}",
            where=where,
        )
    return function  # type: ignore[no-any-return]


class Book:
    """The loaded specs."""

    def __init__(self, operators: dict[str, Operator]) -> None:
        self.operators = operators

    @property
    def properties(self) -> list[Property]:
        """All properties in the order of their operators."""
        return [p for operator in self.operators.values() for p in operator.properties]

    @cached_property
    def _by_id(self) -> dict[str, Property]:
        return {p.id: p for p in self.properties}

    def operator(self, name: str) -> Operator:
        """An operator by name; ConformError with the nearest right name."""
        if name not in self.operators:
            raise ConformError(
                "unknown-operator",
                f"no operator {name!r}{nearest(name, self.operators)}",
                hint="`conform list` shows all operators",
            )
        return self.operators[name]

    def property(self, identifier: str) -> Property:
        """A property by id; ConformError with the nearest right name."""
        if identifier in self._by_id:
            return self._by_id[identifier]
        raise ConformError(
            "unknown-property",
            f"no property {identifier!r}{nearest(identifier, [p.id for p in self.properties])}",
            hint="`conform list --properties` shows all ids",
        )


@lru_cache(maxsize=1)
def built_in() -> Book:
    """The specs that come with the distribution."""
    root = Path(str(files("conform_spec")))
    paths = sorted(path for path in root.rglob("*.yaml") if path.parent.name != "ledger")
    return kept(Book, paths, lambda: load(paths))


def load(paths: Iterable[Path]) -> Book:
    """Read, validate and cross-check spec files; SpecError for the first fault."""
    documents = [(document, validate(document)) for document in map(read_document, paths)]
    operators: dict[str, tuple[Document, OperatorSpec]] = {}
    for document, spec in documents:
        if not isinstance(spec, OperatorSpec):
            continue
        if spec.operator in operators:
            raise SpecError(
                "duplicate-operator",
                f"the operator {spec.operator!r} is specified twice",
                where=locate(document, ("operator",)),
                hint=f"the other one is {operators[spec.operator][0].file}; "
                "a further file of the same operator says `continues:` instead",
            )
        operators[spec.operator] = (document, spec)
    for document, spec in documents:
        if isinstance(spec, ContinuationSpec) and spec.continues not in operators:
            raise SpecError(
                "unknown-operator",
                f"no operator {spec.continues!r} to continue{nearest(spec.continues, operators)}",
                where=locate(document, ("continues",)),
            )
    _check_ids(documents)
    for document, spec in documents:
        about = operators[spec.continues][1] if isinstance(spec, ContinuationSpec) else spec
        _check_empty(document, spec)
        _check_names(document, spec, about, frozenset(operators))
    return Book(
        {name: _operator(document, spec, documents) for name, (document, spec) in operators.items()}
    )


def _check_ids(documents: Documents) -> None:
    seen: dict[str, str] = {}
    for document, spec in documents:
        key = "templates" if isinstance(spec, TemplateSpec) else "properties"
        items = spec.templates if isinstance(spec, TemplateSpec) else spec.properties
        prefix = _name_of(spec)
        for index, item in enumerate(items):
            where = locate(document, (key, index, "id"))
            if item.id in seen:
                raise SpecError(
                    "duplicate-id",
                    f"the id {item.id!r} is used twice",
                    where=where,
                    hint=f"first used at {seen[item.id]}",
                )
            seen[item.id] = where
            if prefix and not item.id.startswith(prefix + "."):
                raise SpecError(
                    "wrong-id", f"the id {item.id!r} must start with {prefix!r}", where=where
                )


def _check_empty(document: Document, spec: AnySpec) -> None:
    """Only a dim that is a whole axis of some input can be 0 by itself."""
    if not isinstance(spec, OperatorSpec):
        return
    axes = {axis for item in spec.inputs.values() for axis in item.shape or ()}
    for index, name in enumerate(spec.empty):
        if name not in spec.dims or name not in axes:
            known = [dim for dim in spec.dims if dim in axes]
            raise SpecError(
                "unknown-dim",
                f"{name!r} is no dim that is an axis of an input{nearest(name, known)}",
                where=locate(document, ("empty", index)),
                hint=f"expected some of {', '.join(known) or 'none: the operator has no such dim'}",
            )


def _name_of(spec: AnySpec) -> str:
    """The operator that a file is about; empty for templates."""
    if isinstance(spec, TemplateSpec):
        return ""
    return spec.operator if isinstance(spec, OperatorSpec) else spec.continues


def _known_names(about: AnySpec, item: Any) -> set[str]:
    names: set[str] = set(_SUPPLIED)
    if isinstance(about, OperatorSpec):
        names |= {*about.dims, *about.inputs, *about.options}
    else:
        names.add("B")  # the batch size, the one dim that many operators share
    if item is not None:
        names |= {*item.draw, *getattr(item, "let", ())}
    return names


def _check_names(
    document: Document, spec: AnySpec, about: AnySpec, operators: frozenset[str]
) -> None:
    """Names in the expressions of a file; inputs and options are those of what it is `about`."""
    from conform.draw.expressions import NAMES as DRAW_NAMES
    from conform.law.names import LAW_NAMES

    for path, text in expressions(document.data):
        is_law = path[-1] in ("law", "where", "formula", "excuse") or (
            len(path) > 1 and path[-2] in ("let", "reach")
        )
        item: Any = None
        if path[0] in ("properties", "mistakes", "templates") and isinstance(path[1], int):
            item = getattr(spec, str(path[0]))[path[1]]
        known = _known_names(about, item) | (
            set(LAW_NAMES) | operators if is_law else set(DRAW_NAMES) | {"None", "True", "False"}
        )
        tree = parse(text)
        for name, node in free_names(tree).items():
            if name not in known:
                raise _unknown(document, path, name, node, known)
        for name in called_operators(tree) - operators:
            where = next(n for n in ast.walk(tree) if getattr(n, "attr", "") == name)
            raise _unknown(document, path, name, where, set(operators))


def _unknown(document: Document, path: Any, name: str, node: ast.AST, known: set[str]) -> SpecError:
    from conform.law.grammar import LawError

    fault = LawError(
        f"unknown name {name!r}{nearest(name, known)}",
        column=getattr(node, "col_offset", 0),
        text=name,
    )
    return expression_error(document, path, fault)


def _operator(document: Document, spec: OperatorSpec, documents: Documents) -> Operator:
    """An operator from its own file, its continuations and the templates."""
    file = str(document.file)
    implied = [
        PropertySpec(
            id=f"{spec.operator}.{AGREEMENT}",
            law="op(*inputs, **options)",
            rationale="the definition",
            source=spec.source,
            statement=f"The result of {spec.operator} is the reference's, up to the roundings that "
            "its model excuses, on every drawn shape, option, regime and layout.",
        )
    ]
    if has_gradient(spec):
        implied.append(
            PropertySpec(
                id=f"{spec.operator}.{GRADIENT}",
                law="op(*inputs, **options)",
                rationale="the definition",
                source=spec.source,
                regimes=SMOOTH,
                statement=f"The gradients of {spec.operator} are the reference's, up to the "
                "roundings that its model excuses.",
            )
        )
    parts: list[tuple[Document, OperatorSpec | ContinuationSpec]] = [(document, spec)]
    parts += [
        (source, part)
        for source, part in documents
        if isinstance(part, ContinuationSpec) and part.continues == spec.operator
    ]
    own = [Property(spec.operator, item, file) for item in implied]
    for source, part in parts:
        own += [Property(spec.operator, item, str(source.file)) for item in part.properties]
    shared = [
        Property(spec.operator, item, str(source.file), template=True)
        for source, template in documents
        if isinstance(template, TemplateSpec)
        for general in template.templates
        if _applies(general, spec)
        for item in _of_each_dim(general, spec)
    ]
    mistakes = tuple(item for _, part in parts for item in part.mistakes)
    return Operator(spec.model_copy(update={"mistakes": mistakes}), file, (*own, *shared))


def _applies(item: PropertySpec, spec: OperatorSpec) -> bool:
    if isinstance(item.for_, tuple):
        return spec.operator in item.for_
    if "backward(" in item.law and not has_gradient(spec):
        return False
    return has_batch(spec) or "batch_" not in item.law


def _of_each_dim(item: PropertySpec, spec: OperatorSpec) -> list[PropertySpec]:
    """The law itself, or one for every dim that may be 0."""
    if item.for_ != "every dim that may be 0":
        return [item]
    return [
        item.model_copy(update={"id": f"{item.id}-{dim.lower()}", "dims": {dim: "0"}})
        for dim in spec.empty
    ]


def has_gradient(spec: OperatorSpec) -> bool:
    """Whether a gradient in any input or option is specified."""
    return bool(spec.gradient) or any(option.gradient for option in spec.options.values())


def has_batch(spec: OperatorSpec) -> bool:
    """Whether batch elements are independent and can be sliced."""
    shapes = [item.shape for item in spec.inputs.values() if item.shape]
    return spec.batch and any("B" in shape for shape in shapes)
