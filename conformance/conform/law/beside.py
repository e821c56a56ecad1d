"""Comparisons whose right side is the left one, asked of the reference."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping, Sequence

from conform.law.grammar import names_used

# Forms that differentiate calls, select from them or put them together: what is within its bound
# stays so.
KEEPING = frozenset({"grad", "vjp", "take", "map", "stack", "concat", "tensor"})
Lets = Mapping[str, ast.expr]


def beside_reference(
    left: ast.expr, right: ast.expr, lets: Lets, operators: Collection[str]
) -> bool:
    """Whether the sides are `operator(...)` and `ref.operator(...)` with the same arguments.

    Also several of them, selected from or differentiated, and by way of the law's own names. Their
    arguments hold no call of an operator: what one call is off by, another may amplify.
    """

    def same(left: Sequence[ast.AST], right: Sequence[ast.AST]) -> bool:
        free = not any(names_used(node, lets) & {"op", *operators} for node in left)
        return free and list(map(ast.dump, left)) == list(map(ast.dump, right))

    def beside(left: ast.expr, right: ast.expr) -> bool:
        if isinstance(left, ast.Name) and isinstance(right, ast.Name):
            return left.id in lets and right.id in lets and beside(lets[left.id], lets[right.id])
        if isinstance(left, ast.Lambda) and isinstance(right, ast.Lambda):
            return same([left.args], [right.args]) and beside(left.body, right.body)
        if isinstance(left, ast.Subscript) and isinstance(right, ast.Subscript):
            return same([left.slice], [right.slice]) and beside(left.value, right.value)
        if not (isinstance(left, ast.Call) and isinstance(right, ast.Call)):
            return False
        if not isinstance(left.func, ast.Name) or not same(left.keywords, right.keywords):
            return False
        name = left.func.id
        if isinstance(right.func, ast.Attribute):
            asked = name == "op" or name in operators
            return asked and right.func.attr == name and same(left.args, right.args)
        other = right.func.id if isinstance(right.func, ast.Name) else ""
        if name == other and name in KEEPING:
            return same(left.args[1:], right.args[1:]) and beside(left.args[0], right.args[0])
        known = name in lets and other in lets and same(left.args, right.args)
        return known and beside(lets[name], lets[other])

    return beside(left, right)
