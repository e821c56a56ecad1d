"""A rounding model names only marks that the reference makes: others would excuse nothing."""

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import conform_reference
from conform.spec.book import built_in

# Roundings of callables that come with a case, and of gradients that are scattered.
BY_THE_CHECKER = {"sublayer_output", "backward.scatter"}
# Made where a convention is declared.
BY_CONVENTIONS = {"one_plus"}


@cache
def definitions() -> dict[str, list[ast.AST]]:
    found: dict[str, list[ast.AST]] = defaultdict(list)
    for path in Path(conform_reference.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                found[node.name].append(node)
    return found


def words(node: ast.AST) -> set[str]:
    """Patterns of all strings in the source of a function, those in braces as anything."""
    found = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            found.add(re.escape(part.value))
        if isinstance(part, ast.JoinedStr):
            pieces = (p.value if isinstance(p, ast.Constant) else None for p in part.values)
            found.add("".join(".*" if p is None else re.escape(str(p)) for p in pieces))
    return found


def reachable(name: str) -> set[str]:
    """The strings of a function and of all that it may call, by name."""
    done: set[str] = set()
    waiting, found = {name}, set()
    while waiting:
        done.add(current := waiting.pop())
        for node in definitions().get(current, []):
            found |= words(node)
            names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
            names |= {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}
            waiting |= (names & definitions().keys()) - done
    return found


def is_made(mark: str, patterns: set[str]) -> bool:
    plain = mark.removeprefix("backward.")
    return any(re.fullmatch(p, name) for p in patterns for name in (plain, f"backward.{plain}"))


def test_every_mark_that_a_model_names_is_made() -> None:
    missing = set()
    for operator in built_in().operators.values():
        patterns = reachable(operator.spec.reference_path.split(":")[-1])
        for model in operator.spec.accuracy.rounding.values():
            named = {*model.forward, *model.backward} - BY_THE_CHECKER - BY_CONVENTIONS
            missing |= {(operator.name, mark) for mark in named if not is_made(mark, patterns)}
    assert missing == set()
