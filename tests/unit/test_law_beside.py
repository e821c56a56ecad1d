"""Which comparisons say no more than that calls of the target are right."""

from __future__ import annotations

import ast

import pytest

from conform.law.beside import beside_reference

OPERATORS = frozenset({"softmax", "attention"})
LETS = {
    "got": "lambda n: softmax(x[:n], **options)",
    "right": "lambda n: ref.softmax(x[:n], **options)",
    "other": "lambda n: ref.softmax(x[n:], **options)",
    "twice": "lambda n: softmax(softmax(x[:n]))",
    "y": "softmax(x)",
    "z": "ref.softmax(x)",
}


def tree(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


@pytest.mark.parametrize(
    ("law", "same"),
    [
        ("op(*inputs, **options) == ref.op(*inputs, **options)", True),
        ("softmax(2 * x) == ref.softmax(2 * x)", True),
        ("grad(softmax(x), x) == grad(ref.softmax(x), x)", True),
        ("vjp(softmax(x)[..., 0], x, c) == vjp(ref.softmax(x)[..., 0], x, c)", True),
        ("take(attention(x, x, x), 0) == take(ref.attention(x, x, x), 0)", True),
        ("got(3) == right(3)", True),
        ("y == z", True),
        ("map(lambda n: got(n), s) == map(lambda n: right(n), s)", True),
        ("stack(map(got, s)) == stack(map(right, s))", True),
        ("softmax(x) == ref.softmax(x + 1)", False),
        ("softmax(x) == ref.attention(x)", False),
        ("softmax(x, dim=1) == ref.softmax(x)", False),
        ("got(3) == right(4)", False),
        ("got(3) == other(3)", False),
        ("twice(3) == right(3)", False),
        ("vjp(softmax(x), x, c) == vjp(ref.softmax(x), x, d)", False),
        ("softmax(x) + 1 == ref.softmax(x) + 1", False),
        # Each element is within its bound, and their mean is off all the same.
        ("mean(softmax(x)) == mean(ref.softmax(x))", False),
        # What the inner call may be off by, the outer one amplifies.
        ("attention(y, y, y) == ref.attention(y, y, y)", False),
        ("attention(y, y, y) == ref.attention(z, z, z)", False),
        ("map(lambda n: got(n), s) == map(lambda m: right(n), s)", False),
        ("softmax(x) == softmax(x)", False),
    ],
)
def test_a_call_beside_the_reference(law: str, same: bool) -> None:
    compare = tree(law)
    assert isinstance(compare, ast.Compare)
    lets = {name: tree(text) for name, text in LETS.items()}
    assert beside_reference(compare.left, compare.comparators[0], lets, OPERATORS) is same
