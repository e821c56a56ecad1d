"""Text of a law -> checked syntax tree. Python's own parser, then a whitelist of node types."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

MAX_NODES = 400
MAX_DEPTH = 40
MAX_LITERAL = 2**53

_ALLOWED = (
    ast.Expression, ast.Constant, ast.Name, ast.Load, ast.BinOp, ast.UnaryOp, ast.BoolOp,
    ast.Compare, ast.IfExp, ast.Tuple, ast.List, ast.Call, ast.keyword, ast.Starred,
    ast.Subscript, ast.Slice, ast.Lambda, ast.arguments, ast.arg,
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.MatMult,
    ast.USub, ast.UAdd, ast.Not, ast.And, ast.Or,
    ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Is, ast.IsNot, ast.Attribute,
)  # fmt: skip


class LawError(Exception):
    """What is wrong with an expression, and where in its text (0-based column and line)."""

    def __init__(self, message: str, *, column: int = 0, line: int = 0, text: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.column = column
        self.line = line
        self.text = text


def _at(node: ast.AST, message: str, source: str) -> LawError:
    column = getattr(node, "col_offset", 0)
    line = getattr(node, "lineno", 1) - 1
    piece = ast.get_source_segment(source, node) if hasattr(node, "lineno") else None
    return LawError(message, column=column, line=line, text=piece or source)


@lru_cache(maxsize=4096)
def parse(source: str) -> ast.expr:
    """The expression's tree; LawError for a syntax error or anything outside the language."""
    text = " ".join(source.split("\n")).strip()
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        column = (getattr(error, "offset", 1) or 1) - 1
        reason = getattr(error, "msg", None) or "too deeply nested"
        raise LawError(f"not an expression: {reason}", column=column, text=text) from None
    _check(tree, text)
    return tree.body


def _check(tree: ast.Expression, source: str) -> None:
    stack: list[tuple[ast.AST, int]] = [(tree, 0)]
    count = 0
    while stack:
        node, depth = stack.pop()
        count += 1
        if count > MAX_NODES:
            raise LawError(f"the expression has more than {MAX_NODES} parts", text=source)
        if depth > MAX_DEPTH:
            raise _at(node, f"the expression is nested deeper than {MAX_DEPTH}", source)
        _check_node(node, source)
        stack.extend((child, depth + 1) for child in ast.iter_child_nodes(node))


def _check_node(node: ast.AST, source: str) -> None:
    if not isinstance(node, _ALLOWED):
        raise _at(node, f"{type(node).__name__} is not part of the law language", source)
    if isinstance(node, ast.Attribute) and not (
        isinstance(node.value, ast.Name) and node.value.id == "ref"
    ):
        raise _at(node, "the only attributes are ref.<operator>", source)
    if isinstance(node, (ast.Name, ast.Attribute, ast.arg, ast.keyword)):
        name = getattr(node, "id", None) or getattr(node, "attr", None) or getattr(node, "arg", "")
        if name and name.startswith("_"):
            raise _at(node, f"names starting with an underscore are not allowed: {name}", source)
    if isinstance(node, ast.Call) and not isinstance(node.func, (ast.Name, ast.Attribute)):
        raise _at(node, "only a name can be called", source)
    if isinstance(node, ast.Constant):
        _check_constant(node, source)
    if isinstance(node, ast.arguments) and (
        node.defaults or node.kwonlyargs or node.kwarg or node.posonlyargs
    ):
        raise _at(node, "a lambda takes plain positional parameters", source)


def _check_constant(node: ast.Constant, source: str) -> None:
    value = node.value
    if value is None or value is Ellipsis or isinstance(value, (bool, float)):
        return
    if isinstance(value, int):
        if abs(value) > MAX_LITERAL:
            raise _at(node, f"the number {value} is larger than 2**53", source)
        return
    if isinstance(value, str):
        if len(value) > 60:
            raise _at(node, "a text in a law has at most 60 characters", source)
        return
    raise _at(node, f"{type(value).__name__} literals are not part of the law language", source)


def free_names(node: ast.expr) -> dict[str, ast.AST]:
    """Names that the expression reads, without lambda parameters; name -> first node."""
    found: dict[str, ast.AST] = {}

    def visit(item: ast.AST, bound: frozenset[str]) -> None:
        if isinstance(item, ast.Lambda):
            names = {argument.arg for argument in item.args.args}
            if item.args.vararg:
                names.add(item.args.vararg.arg)
            visit(item.body, bound | names)
            return
        if isinstance(item, ast.Name) and item.id not in bound:
            found.setdefault(item.id, item)
        for child in ast.iter_child_nodes(item):
            visit(child, bound)

    visit(node, frozenset())
    return found


def names_used(node: ast.AST, lets: Mapping[str, ast.expr]) -> set[str]:
    """Every name that an expression mentions, also through the `let` bindings that it reads."""
    found: set[str] = set()
    waiting = [node]
    while waiting:
        for name in _names_in(waiting.pop()):
            if name not in found:
                found.add(name)
                if name in lets:
                    waiting.append(lets[name])
    return found


@cache
def _names_in(node: ast.AST) -> frozenset[str]:
    """The names in a tree, which does not change; laws ask for them with every case."""
    return frozenset(item.id for item in ast.walk(node) if isinstance(item, ast.Name))


def forms_used(node: ast.AST, lets: Mapping[str, ast.expr]) -> set[str]:
    """Every name that is called, also in the `let` bindings: an input may be named as a form is."""
    read = names_used(node, lets)
    trees = (node, *(tree for name, tree in lets.items() if name in read))
    return {name for tree in trees for name in _called_in(tree)}


@cache
def _called_in(node: ast.AST) -> frozenset[str]:
    calls = (item.func for item in ast.walk(node) if isinstance(item, ast.Call))
    return frozenset(func.id for func in calls if isinstance(func, ast.Name))


def written_out(source: str) -> list[Any]:
    """The plain values among what a `choose(...)` chooses between; none of another expression."""
    node = parse(source)
    if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "choose"):
        return []
    return [item.value for item in node.args if isinstance(item, ast.Constant)]


def called_operators(node: ast.expr) -> set[str]:
    """Names after `ref.`."""
    return {item.attr for item in ast.walk(node) if isinstance(item, ast.Attribute)}
