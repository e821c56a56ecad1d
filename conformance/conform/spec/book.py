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

from conform.draw.case import FLOAT_GENERATORS
from conform.errors import ConformError
from conform.law.grammar import forms_used, parse, written_out
from conform.law.names import KERNEL_MEASURES, MEASURE_NAMES
from conform.nearest import nearest
from conform.spec.checks import (
    Documents,
    check_changes,
    check_empty,
    check_ids,
    check_leading,
    check_names,
)
from conform.spec.loader import Document, SpecError, locate, read_document, validate
from conform.spec.models import (
    ContinuationSpec,
    InputSpec,
    OperatorSpec,
    PropertySpec,
    Regime,
    TemplateSpec,
)
from conform.spec.sizes import GIVEN, at_sizes, shared_laws
from conform.spec.store import kept

AGREEMENT = "agrees-with-reference"
GRADIENT = "gradient-agrees"
# Where gradients are asked: equal values meet at kinks, and round alike in ways no sample shows.
SMOOTH: tuple[Regime, ...] = ("normal", "large", "tiny", "outlier", "mixed_scale")


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
        return bool(forms_used(self.law, self.lets) & {"grad", "vjp"})

    @cached_property
    def judges(self) -> bool:
        """Whether its calls are held against the oracle; not where it passes other values on, or
        says itself how near they must be."""
        if self.template or not self.spec.judged:
            return False
        return not forms_used(self.law, self.lets) & {"apart", "again"}

    @cached_property
    def measures(self) -> frozenset[str]:
        """The measures that the law reads off metered calls."""
        return frozenset(forms_used(self.law, self.lets) & MEASURE_NAMES)

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

    @cached_property
    def floating(self) -> bool:
        """Whether some input has the case's dtype; others are numbers, whole ones and masks."""
        return any(_floating(item) for item in self.spec.inputs.values())

    @cached_property
    def function(self) -> Callable[..., Any]:
        """The oracle; imported when first needed."""
        return resolve(self.spec.reference_path, self.file)


def _floating(item: InputSpec) -> bool:
    if item.shape is None or item.dtype in ("int64", "int32", "bool"):
        return False
    return item.values == "regime" or item.values.split("(")[0].strip() in FLOAT_GENERATORS


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
    check_ids(documents)
    for document, spec in documents:
        about = operators[spec.continues][1] if isinstance(spec, ContinuationSpec) else spec
        check_empty(document, spec)
        check_leading(document, spec)
        check_changes(document, spec, about)
        check_names(document, spec, about, frozenset(operators))
    return Book(
        {name: _operator(document, spec, documents) for name, (document, spec) in operators.items()}
    )


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
    laws = shared_laws(documents)
    for source, part in parts:
        items = (*part.properties, *at_sizes(source, part, spec, laws))
        own += [Property(spec.operator, item, str(source.file)) for item in items]
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
    if item.for_ == GIVEN:
        return False  # asked by name
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
