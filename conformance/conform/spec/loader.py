"""YAML text -> spec models, with errors that say file:line:column, what, why and what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from conform.errors import ConformError
from conform.law.grammar import LawError, parse
from conform.nearest import nearest
from conform.spec.models import AnySpec, ContinuationSpec, OperatorSpec, Strict, TemplateSpec

MAX_BYTES = 256 * 1024
MAX_NODES = 20_000
Path_ = tuple[str | int, ...]

try:
    _Loader: Any = yaml.CSafeLoader
except AttributeError:  # libyaml is optional in PyYAML
    _Loader = yaml.SafeLoader


@dataclass(frozen=True)
class Position:
    """1-based line and column of a value, and of its key."""

    line: int
    column: int
    key_line: int
    key_column: int
    quoted: bool = False


@dataclass(frozen=True)
class Document:
    """Plain data of a YAML file with the position of every part."""

    file: Path
    data: Any
    positions: dict[Path_, Position]


class SpecError(ConformError):
    """A spec that cannot be used. `where` is file:line:column."""


def read_document(file: Path) -> Document:
    """Parse one YAML file; SpecError for bad YAML, duplicate keys, aliases, tags or oversize."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise SpecError(
            "spec-unreadable", f"cannot read the spec: {error.strerror}", where=str(file)
        ) from None
    if len(raw) > MAX_BYTES:
        raise SpecError(
            "spec-too-large",
            f"the spec has {len(raw)} bytes; at most {MAX_BYTES}",
            where=str(file),
            hint="split it by operator",
        )
    try:
        text = raw.decode("utf-8")
        # Aliases are refused before composing: nested ones can expand without bound.
        for token in yaml.scan(text, Loader=_Loader):
            if isinstance(token, (yaml.AliasToken, yaml.AnchorToken)):
                raise _fault(
                    file,
                    token.start_mark,
                    "yaml-alias",
                    "anchors and aliases are not used",
                    "write the value out",
                )
        node = yaml.compose(text, Loader=_Loader)
    except UnicodeDecodeError as error:
        raise SpecError(
            "spec-not-utf8", f"the file is not UTF-8 at byte {error.start}", where=str(file)
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise _fault(
            file,
            mark,
            "yaml-syntax",
            f"not YAML: {error.problem}",
            "quote expressions that contain ': ', '#' or start with '*', '&' or '{'",
        ) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise SpecError("yaml-syntax", f"not YAML: {error}", where=str(file)) from None
    positions: dict[Path_, Position] = {}
    data = _convert(node, (), positions, file) if node is not None else None
    return Document(file, data, positions)


def _fault(file: Path, mark: Any, slug: str, message: str, hint: str = "") -> SpecError:
    where = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else str(file)
    return SpecError(slug, message, where=where, hint=hint)


_TAGS: dict[str, Callable[[str], Any]] = {
    "tag:yaml.org,2002:null": lambda text: None,
    "tag:yaml.org,2002:bool": lambda text: text.lower() in ("true", "yes", "on"),
    "tag:yaml.org,2002:int": lambda text: int(text.replace("_", ""), 0 if "0x" in text else 10),
    "tag:yaml.org,2002:float": lambda text: float(
        text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan")
    ),
    "tag:yaml.org,2002:str": str,
}


def _convert(node: Any, path: Path_, positions: dict[Path_, Position], file: Path) -> Any:
    mark = node.start_mark
    old = positions.get(path)
    positions[path] = Position(
        mark.line + 1,
        mark.column + 1,
        old.key_line if old else mark.line + 1,
        old.key_column if old else mark.column + 1,
        getattr(node, "style", None) in ("'", '"'),
    )
    if len(positions) > MAX_NODES or len(path) > 12:
        raise _fault(file, mark, "spec-too-large", "the spec is too large or too deeply nested")
    if not isinstance(node, yaml.ScalarNode) and node.tag not in (
        "tag:yaml.org,2002:map",
        "tag:yaml.org,2002:seq",
    ):
        raise _fault(file, mark, "yaml-tag", f"the YAML tag {node.tag} is not allowed", _NO_TAGS)
    if isinstance(node, yaml.MappingNode):
        return _convert_mapping(node, path, positions, file)
    if isinstance(node, yaml.SequenceNode):
        return [
            _convert(item, (*path, index), positions, file) for index, item in enumerate(node.value)
        ]
    reader = _TAGS.get(node.tag)
    if reader is None:
        raise _fault(
            file,
            mark,
            "yaml-tag",
            f"the YAML tag {node.tag} is not allowed",
            _NO_TAGS,
        )
    try:
        return reader(node.value)
    except ValueError:
        return node.value


def _convert_mapping(node: Any, path: Path_, positions: dict[Path_, Position], file: Path) -> Any:
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        mark = key_node.start_mark
        if not isinstance(key_node, yaml.ScalarNode):
            raise _fault(file, mark, "yaml-key", "a key must be a plain word")
        key = key_node.value
        if key in result:
            raise _fault(
                file,
                mark,
                "duplicate-key",
                f"the key {key!r} occurs twice",
                "remove one of the two",
            )
        inner = (*path, key)
        positions[inner] = Position(mark.line + 1, mark.column + 1, mark.line + 1, mark.column + 1)
        result[key] = _convert(value_node, inner, positions, file)
    return result


def validate(document: Document) -> AnySpec:
    """The model of a document; SpecError with the position of the first fault."""
    if not isinstance(document.data, dict):
        raise SpecError(
            "spec-empty",
            "a spec is a mapping that starts with 'operator:'",
            where=f"{document.file}:1:1",
        )
    kinds: dict[str, type[Strict]] = {"templates": TemplateSpec, "continues": ContinuationSpec}
    model = next((kind for key, kind in kinds.items() if key in document.data), OperatorSpec)
    try:
        spec = model.model_validate(document.data)
    except ValidationError as error:
        raise _explain(document, error, model) from None
    check_expressions(document)
    return spec  # type: ignore[return-value]


def locate(document: Document, path: Path_, *, key: bool = False) -> str:
    """file:line:column of the deepest known part of `path`."""
    while path and path not in document.positions:
        path = path[:-1]
    position = document.positions.get(path, Position(1, 1, 1, 1))
    if key:
        return f"{document.file}:{position.key_line}:{position.key_column}"
    return f"{document.file}:{position.line}:{position.column}"


def _explain(document: Document, error: ValidationError, model: type[Strict]) -> SpecError:
    faults = sorted(error.errors(), key=lambda item: _depth(document, item["loc"]), reverse=True)
    fault = faults[0]
    path = _real_path(document, fault["loc"])
    shown = ".".join(str(part) for part in path) or "the spec"
    value = fault.get("input")
    if fault["type"] == "extra_forbidden":
        name = str(fault["loc"][-1])
        allowed = _keys_at(model, fault["loc"][:-1])
        return SpecError(
            "unknown-key",
            f"unknown key {name!r} in {'.'.join(map(str, path[:-1])) or 'the spec'}"
            f"{nearest(name, allowed)}",
            where=locate(document, path, key=True),
            hint=f"keys here: {', '.join(sorted(allowed))}",
        )
    if fault["type"] == "missing":
        return SpecError(
            "missing-key",
            f"the key {fault['loc'][-1]!r} is missing",
            where=locate(document, path),
            hint="add it",
        )
    if fault["type"] in ("literal_error", "enum"):
        expected = str(fault.get("ctx", {}).get("expected", ""))
        words = [word.strip(" '") for word in expected.replace(" or ", ",").split(",")]
        return SpecError(
            "wrong-value",
            f"{shown}: {value!r} is not one of {expected}{nearest(str(value), words)}",
            where=locate(document, path),
        )
    return SpecError(
        "wrong-type",
        f"{shown}: {fault['msg'].lower()}; found {value!r}",
        where=locate(document, path),
    )


def _real_path(document: Document, loc: tuple[Any, ...]) -> Path_:
    path: Path_ = ()
    for part in loc:
        # Pydantic puts names of union members between the keys.
        if (*path, part) in document.positions:
            path = (*path, part)
    return path


def _depth(document: Document, loc: tuple[Any, ...]) -> int:
    return len(_real_path(document, loc))


def _keys_at(model: type[Strict], loc: tuple[Any, ...]) -> set[str]:
    """Field names of the model at `loc`, found by following the JSON schema."""
    schema = model.model_json_schema()
    node: Any = schema
    for part in loc:
        node = _step(schema, node, part) or node
    node = _resolve(schema, node)
    return set(node.get("properties", {}))


def _resolve(schema: dict[str, Any], node: Any) -> Any:
    while isinstance(node, dict) and "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[-1]]
    return node


def _step(schema: dict[str, Any], node: Any, part: Any) -> Any:
    node = _resolve(schema, node)
    for option in (node, *(node.get("anyOf", []) if isinstance(node, dict) else [])):
        option = _resolve(schema, option)
        if isinstance(part, int) and "items" in option:
            return option["items"]
        if isinstance(part, int) and option.get("prefixItems"):
            return option["prefixItems"][0]
        if isinstance(part, str) and part in option.get("properties", {}):
            return option["properties"][part]
        if isinstance(part, str) and isinstance(option.get("additionalProperties"), dict):
            return option["additionalProperties"]
        if isinstance(part, str) and option.get("patternProperties"):
            return next(iter(option["patternProperties"].values()))
    return None


_NO_TAGS = "use plain strings, numbers, booleans, null, lists and mappings"
EXPRESSION_KEYS = {"law", "where", "formula", "excuse", "scalar"}
EXPRESSION_MAPS = {"dims", "draw", "let", "reach"}


def check_expressions(document: Document) -> None:
    """Parse every expression of the document, so that a bad one is found where it stands."""
    for path, text in expressions(document.data):
        try:
            parse(text)
        except LawError as error:
            raise expression_error(document, path, error) from None


def expression_error(document: Document, path: Path_, error: LawError) -> SpecError:
    """The SpecError for a fault inside an expression, with the column inside the file."""
    position = document.positions.get(path)
    where = locate(document, path)
    if position is not None and error.line == 0:
        # The YAML mark points at the opening quote where there is one.
        column = position.column + error.column + int(position.quoted)
        where = f"{document.file}:{position.line}:{column}"
    return SpecError(
        "bad-expression",
        f"{error.message}: {error.text!r}",
        where=where,
        hint="see `conform explain --vocabulary`",
    )


def expressions(data: Any, path: Path_ = ()) -> list[tuple[Path_, str]]:
    """Every expression in the plain data of a spec, with its path."""
    found: list[tuple[Path_, str]] = []
    if isinstance(data, dict):
        for key, value in data.items():
            inner = (*path, key)
            parent = path[-1] if path else ""
            if isinstance(value, (str, int, float)) and not isinstance(value, bool):
                is_option_draw = key == "draw" and isinstance(value, str)
                if key in EXPRESSION_KEYS or parent in EXPRESSION_MAPS or is_option_draw:
                    found.append((inner, str(value)))
            else:
                found.extend(expressions(value, inner))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            inner = (*path, index)
            if path and path[-1] == "shape" and isinstance(value, (str, int)):
                if str(value) != "...":
                    found.append((inner, str(value)))
            else:
                found.extend(expressions(value, inner))
    return found
