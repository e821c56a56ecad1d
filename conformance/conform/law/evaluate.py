"""Evaluating the value part of a law: a walk over the checked tree, within a budget.

Who answers an operator call is the `Caller`: the target, the oracle, or the oracle under roundoff.
Names bound by `let` are evaluated when first read. Comparisons that give verdicts are one level up
(judge).
"""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from torch import Tensor

from conform.law.arithmetic import BINARY, COMPARE, real
from conform.law.bounds import TooLarge, tensor
from conform.law.forms import FORMS
from conform.law.grammar import LawError
from conform.law.vocabulary import CONSTANTS, FUNCTIONS

SECONDS = 20.0
STEPS = 20_000


class Caller(Protocol):
    """Answers operator calls of a law."""

    def call(self, operator: str, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """The result: a tensor, a number, or a tuple of them."""

    def oracle(self, operator: str, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """The oracle's result (`ref.<operator>`)."""

    def effect(self, name: str) -> Any:
        """What the last call did besides returning (mutated, kept, ...)."""

    def observed_call(self, name: str, evaluate: Callable[[], Any]) -> Any:
        """Evaluate a call with the observation `name` switched on, and return what was observed."""

    def pulled_back(self, evaluate: Callable[[], Any]) -> Any:
        """Evaluate a call with ones pulled back to every input that the spec gives a gradient."""

    def gradient(
        self, function: Callable[..., Any], at: tuple[Tensor, ...], cotangent: Tensor | None
    ) -> tuple[Tensor, ...]:
        """Pull a cotangent (ones if None) back through `function` at the given tensors."""


class Budget:
    """Bounds an evaluation in steps and CPU seconds: time spent waiting for the target is free."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.steps = STEPS
        self.deadline = time.process_time() + seconds

    def spend(self) -> None:
        """One step; LawError when the evaluation has had enough."""
        self.steps -= 1
        if self.steps < 0:
            raise LawError(f"the law takes more than {STEPS} steps to evaluate")
        if self.steps % 64 == 0 and time.process_time() > self.deadline:
            raise LawError(f"the law takes more than {SECONDS:.0f} s to evaluate")


class Evaluator:
    """Values of expressions in one context: names, lazy `let`s, a caller."""

    def __init__(
        self,
        names: Mapping[str, Any],
        lets: Mapping[str, ast.expr],
        caller: Caller,
        operators: frozenset[str],
        current: str,
        budget: Budget | None = None,
    ) -> None:
        self.names = dict(names)
        self.lets = lets
        self.caller = caller
        self.operators = operators
        self.current = current
        self.budget = budget or Budget()
        self._bound: dict[str, Any] = {}

    def replaced(self, changes: Mapping[str, Any]) -> Evaluator:
        """The same context with some names at other values (lets are evaluated anew)."""
        return Evaluator(
            {**self.names, **changes},
            self.lets,
            self.caller,
            self.operators,
            self.current,
            self.budget,
        )

    def value(self, node: ast.expr) -> Any:
        """The value of a node; LawError when it has none."""
        self.budget.spend()
        handler = _HANDLERS.get(type(node))
        if handler is None:
            raise LawError(
                f"{type(node).__name__} has no value here", column=getattr(node, "col_offset", 0)
            )
        return handler(self, node)

    def _name(self, node: ast.Name) -> Any:
        name = node.id
        if name in self.names:
            return self.names[name]
        if name in self._bound:
            return self._bound[name]
        if name in self.lets:
            self._bound[name] = self.value(self.lets[name])
            return self._bound[name]
        if name in CONSTANTS:
            return CONSTANTS[name]
        if name in self.operators or name == "op":
            target = self.current if name == "op" else name
            return lambda *args, **options: self.caller.call(target, args, options)
        if name in FUNCTIONS:
            return FUNCTIONS[name]
        raise LawError(f"unknown name {name!r}", column=node.col_offset, text=name)

    def _binop(self, node: ast.BinOp) -> Any:
        return BINARY[type(node.op)](self.value(node.left), self.value(node.right))

    def _unary(self, node: ast.UnaryOp) -> Any:
        value = self.value(node.operand)
        if isinstance(node.op, ast.Not):
            return ~value if isinstance(value, Tensor) else not value
        return -real(value) if isinstance(node.op, ast.USub) else value

    def _boolop(self, node: ast.BoolOp) -> Any:
        is_and = isinstance(node.op, ast.And)
        value: Any = is_and
        for item in node.values:
            current = self.value(item)
            if isinstance(value, Tensor) or isinstance(current, Tensor):
                value = (
                    (tensor(value) & tensor(current))
                    if is_and
                    else (tensor(value) | tensor(current))
                )
            else:
                value = (value and current) if is_and else (value or current)
                if bool(value) is not is_and:
                    return value
        return value

    def _compare(self, node: ast.Compare) -> Any:
        left, result = self.value(node.left), None
        for operation, item in zip(node.ops, node.comparators, strict=True):
            right = self.value(item)
            if isinstance(operation, (ast.Is, ast.IsNot)):
                same = left is right if left is None or right is None else bool(left == right)
                current: Any = same if isinstance(operation, ast.Is) else not same
            else:
                current = COMPARE[type(operation)](left, right)
            result = (
                current
                if result is None
                else (result & current if isinstance(current, Tensor) else (result and current))
            )
            left = right
        return result

    def _ifexp(self, node: ast.IfExp) -> Any:
        return self.value(node.body if bool(self.value(node.test)) else node.orelse)

    def _tuple(self, node: ast.Tuple | ast.List) -> Any:
        return tuple(self._items(node.elts))

    def _items(self, nodes: list[ast.expr]) -> list[Any]:
        items: list[Any] = []
        for item in nodes:
            if isinstance(item, ast.Starred):
                items.extend(self.value(item.value))
            else:
                items.append(self.value(item))
        return items

    def _subscript(self, node: ast.Subscript) -> Any:
        return self.value(node.value)[self.index(node.slice)]

    def index(self, node: ast.expr) -> Any:
        """A subscript: integers, slices, `...`, None and index tensors."""
        if isinstance(node, ast.Tuple):
            return tuple(self.index(item) for item in node.elts)
        if isinstance(node, ast.Slice):
            parts = (node.lower, node.upper, node.step)
            return slice(*(None if p is None else int(self.value(p)) for p in parts))
        return self.value(node)

    def _lambda(self, node: ast.Lambda) -> Any:
        names = [argument.arg for argument in node.args.args]
        rest = node.args.vararg.arg if node.args.vararg else None

        def function(*args: Any) -> Any:
            if len(args) < len(names) or (rest is None and len(args) != len(names)):
                raise LawError(
                    f"a lambda of {len(names)} parameters was given {len(args)} values",
                    column=node.col_offset,
                )
            inner = dict(zip(names, args, strict=False))
            if rest:
                inner[rest] = tuple(args[len(names) :])
            return self.replaced(inner).value(node.body)

        return function

    def _call(self, node: ast.Call) -> Any:
        if isinstance(node.func, ast.Attribute):
            name = node.func.attr
            if name not in self.operators:
                raise LawError(f"unknown operator ref.{name}", column=node.col_offset)
            args, options = self.arguments(node)
            return self.caller.oracle(name, args, options)
        assert_name = node.func
        if not isinstance(assert_name, ast.Name):
            raise LawError("only a name can be called", column=node.col_offset)
        name = assert_name.id
        if name in FORMS and name not in self.names and name not in self.lets:
            return FORMS[name](self, node)
        if name in self.names and not callable(self.names[name]):
            raise LawError(f"{name!r} is no function here", column=node.col_offset)
        function = self._name(assert_name)
        args, options = self.arguments(node)
        try:
            return function(*args, **options)
        except TooLarge as error:
            raise LawError(str(error), column=node.col_offset) from None

    def arguments(self, node: ast.Call) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Evaluated arguments; an explicit keyword wins over the same name in `**options`."""
        options: dict[str, Any] = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                options.update(dict(self.value(keyword.value).items()))
        for keyword in node.keywords:
            if keyword.arg is not None:
                options[keyword.arg] = self.value(keyword.value)
        return tuple(self._items(node.args)), options


_HANDLERS: dict[type, Callable[[Evaluator, Any], Any]] = {
    ast.Constant: lambda self, node: node.value,
    ast.Name: Evaluator._name, ast.BinOp: Evaluator._binop, ast.UnaryOp: Evaluator._unary,
    ast.BoolOp: Evaluator._boolop, ast.Compare: Evaluator._compare, ast.IfExp: Evaluator._ifexp,
    ast.Tuple: Evaluator._tuple, ast.List: Evaluator._tuple, ast.Subscript: Evaluator._subscript,
    ast.Lambda: Evaluator._lambda, ast.Call: Evaluator._call,
}  # fmt: skip
