"""Checks over all specs together: ids, names, and what laws change of the drawn cases."""

from __future__ import annotations

import ast
from typing import Any

from conform.law.grammar import LawError, called_operators, free_names, parse
from conform.nearest import nearest
from conform.spec.loader import Document, Path_, SpecError, expression_error, expressions, locate
from conform.spec.models import AnySpec, OperatorSpec, PropertySpec, SizesSpec, TemplateSpec
from conform.spec.sizes import GIVEN, PLACES

Documents = list[tuple[Document, AnySpec]]
# Names that the checker supplies to every law.
_SUPPLIED = frozenset({"inputs", "options", "op", "ref", "dtype_name", "itemsize", "u"})


def check_ids(documents: Documents) -> None:
    """Ids are unique and start with their operator; SpecError for the first that does not."""
    seen: dict[str, str] = {}
    for document, spec in documents:
        key = "templates" if isinstance(spec, TemplateSpec) else "properties"
        items = spec.templates if isinstance(spec, TemplateSpec) else spec.properties
        prefix = _name_of(spec)
        sizes = () if isinstance(spec, TemplateSpec) else spec.sizes
        named: list[tuple[str, Path_]] = [
            (item.id, (key, index, "id")) for index, item in enumerate(items)
        ]
        named += [(f"{prefix}.{name}", ("sizes", name)) for name in sizes]
        for identifier, path in named:
            where = locate(document, path)
            if identifier in seen:
                raise SpecError(
                    "duplicate-id",
                    f"the id {identifier!r} is used twice",
                    where=where,
                    hint=f"first used at {seen[identifier]}",
                )
            seen[identifier] = where
            if prefix and not identifier.startswith(prefix + "."):
                raise SpecError(
                    "wrong-id", f"the id {identifier!r} must start with {prefix!r}", where=where
                )


def check_empty(document: Document, spec: AnySpec) -> None:
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


def check_leading(document: Document, spec: AnySpec) -> None:
    """Leading dims are those with which some input begins."""
    if not isinstance(spec, OperatorSpec) or not spec.leading:
        return
    beginnings = [(item.shape or ())[: len(spec.leading)] for item in spec.inputs.values()]
    if spec.leading not in beginnings or not spec.dims.keys() >= set(spec.leading):
        raise SpecError(
            "unknown-dim",
            f"no input begins with the dims [{', '.join(spec.leading)}]",
            where=locate(document, ("leading",)),
            hint="leading: names the dims that stand for a contract's `...`",
        )


def check_changes(document: Document, spec: AnySpec, about: AnySpec) -> None:
    """What a law changes of the drawn cases are dims and options of the operator it is `about`."""
    if isinstance(spec, TemplateSpec) or not isinstance(about, OperatorSpec):
        return
    items: list[tuple[Path_, PropertySpec | SizesSpec]] = [
        (("properties", index), item) for index, item in enumerate(spec.properties)
    ]
    items += [(("sizes", name), item) for name, item in spec.sizes.items()]
    for path, item in items:
        for key, changed, known in (
            ("dims", item.dims, about.dims),
            ("options", item.options, about.options),
        ):
            for name in changed:
                if name not in known:
                    raise SpecError(
                        f"unknown-{key[:-1]}",
                        f"{about.operator} has no {key[:-1]} {name!r}{nearest(name, known)}",
                        where=locate(document, (*path, key, name), key=True),
                        hint=f"expected some of {', '.join(known) or 'none: it has none'}",
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


def check_names(
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
        places = PLACES if getattr(item, "for_", None) == GIVEN else frozenset()
        known = (
            _known_names(about, item)
            | places
            | (
                set(LAW_NAMES) | operators
                if is_law
                else set(DRAW_NAMES) | {"None", "True", "False"}
            )
        )
        tree = parse(text)
        for name, node in free_names(tree).items():
            if name not in known:
                raise _unknown(document, path, name, node, known)
        for name in called_operators(tree) - operators - places:
            where = next(n for n in ast.walk(tree) if getattr(n, "attr", "") == name)
            raise _unknown(document, path, name, where, set(operators))


def _unknown(document: Document, path: Any, name: str, node: ast.AST, known: set[str]) -> SpecError:
    fault = LawError(
        f"unknown name {name!r}{nearest(name, known)}",
        column=getattr(node, "col_offset", 0),
        text=name,
    )
    return expression_error(document, path, fault)
