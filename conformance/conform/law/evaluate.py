"""Evaluating the value part of a law: a walk over the checked tree, within a budget.

Who answers an operator call is the `Caller`: the target, the oracle, or the oracle under roundoff.
Names
bound by `let` are evaluated when first read. Comparisons that give verdicts are one level up
(judge).
"""

from __future__ import annotations

import ast
import math
import operator as op
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from conform.law import measures
from conform.law.bounds import MAX_ELEMENTS, TooLarge, tensor
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
    """Bounds an evaluation in steps and seconds."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.steps = STEPS
        self.deadline = time.monotonic() + seconds

    def spend(self) -> None:
        """One step; LawError when the evaluation has had enough."""
        self.steps -= 1
        if self.steps < 0:
            raise LawError(f"the law takes more than {STEPS} steps to evaluate")
        if self.steps % 64 == 0 and time.monotonic() > self.deadline:
            raise LawError(f"the law takes more than {SECONDS:.0f} s to evaluate")


def _power(a: Any, b: Any) -> Any:
    if isinstance(a, int) and isinstance(b, int) and (abs(b) > 64 or abs(a) > 2**32):
        raise LawError(f"the power {a}**{b} is too large")
    if isinstance(a, int) and isinstance(b, int) and b < 0:
        return float(a) ** b
    a, b = _matched(a, b)
    return a**b


def _real(a: Any) -> Any:
    """Booleans take part in arithmetic as numbers."""
    return a.to(torch.int64) if isinstance(a, Tensor) and a.dtype == torch.bool else a


def _matched(a: Any, b: Any) -> tuple[Any, Any]:
    """Both ready for arithmetic: integers that meet a float become float64, torch would say 32."""
    a, b = _real(a), _real(b)
    if isinstance(a, float) and isinstance(b, Tensor) and not b.is_floating_point():
        b = b.to(torch.float64)
    if isinstance(b, float) and isinstance(a, Tensor) and not a.is_floating_point():
        a = a.to(torch.float64)
    return a, b


def _sized(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The operation on numbers and tensors only, with a result of bounded size."""

    def apply(a: Any, b: Any) -> Any:
        a, b = _matched(a, b)
        if isinstance(a, Tensor) and isinstance(b, Tensor):
            shape = torch.broadcast_shapes(a.shape, b.shape)  # type: ignore[no-untyped-call]
            if math.prod(shape) > MAX_ELEMENTS:
                raise LawError(f"the result has more than {MAX_ELEMENTS} elements")
        elif not (isinstance(a, (int, float, Tensor)) and isinstance(b, (int, float, Tensor))):
            raise LawError(f"no arithmetic on {type(a).__name__} and {type(b).__name__}")
        result = operation(a, b)
        if isinstance(result, int) and abs(result) > 2**128:
            raise LawError("an integer is too large")
        return result

    return apply


def _add(a: Any, b: Any) -> Any:
    if isinstance(a, tuple) and isinstance(b, tuple):
        if len(a) + len(b) > 4096:
            raise LawError("a tuple is too large: more than 4096 items")
        return a + b
    return _sized(op.add)(a, b)


def _divide(a: Any, b: Any) -> Any:
    a, b = _real(a), _real(b)
    if isinstance(b, (int, float)) and b == 0 and not isinstance(a, Tensor):
        return math.nan if a == 0 else math.copysign(math.inf, a)
    return a.to(torch.float64) / b if isinstance(a, Tensor) else a / b


def _matmul(a: Tensor, b: Tensor) -> Tensor:
    return torch.matmul(tensor(a).to(torch.float64), tensor(b).to(torch.float64))


BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: _add, ast.Sub: _sized(op.sub),
    ast.Mult: _sized(op.mul), ast.Div: _divide,
    ast.FloorDiv: _sized(op.floordiv), ast.Mod: _sized(op.mod), ast.Pow: _power,
    ast.MatMult: _matmul,
}  # fmt: skip
COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: op.eq, ast.NotEq: op.ne, ast.Lt: op.lt, ast.LtE: op.le, ast.Gt: op.gt, ast.GtE: op.ge,
}  # fmt: skip


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
        return -_real(value) if isinstance(node.op, ast.USub) else value

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


def _edit(self: Evaluator, node: ast.Call) -> Any:
    target = node.args[0]
    if not isinstance(target, ast.Subscript):
        raise LawError("edit takes x[region] first", column=node.col_offset)
    base = self.value(target.value)
    region = self.index(target.slice)
    value = self.value(node.args[1])
    copy = base.clone()
    copy[region] = value.to(copy.dtype) if isinstance(value, Tensor) else value
    return copy


def with_inputs(names: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Changed tensors also under `inputs` and `options`."""
    result = dict(changes)
    order = names["_input_names"]
    result["inputs"] = tuple(changes.get(n, v) for n, v in zip(order, names["inputs"], strict=True))
    result["options"] = {k: changes.get(k, v) for k, v in names["options"].items()}
    return result


def named_tensors(self: Evaluator, nodes: list[ast.expr]) -> tuple[str, ...]:
    """Names of drawn inputs, as the forms grad, vjp and depends take them."""
    names = []
    for item in nodes:
        if not isinstance(item, ast.Name) or not isinstance(self.names.get(item.id), Tensor):
            raise LawError(
                "a drawn tensor input is wanted here", column=getattr(item, "col_offset", 0)
            )
        names.append(item.id)
    return tuple(names)


def _pull(self: Evaluator, node: ast.Call, names: tuple[str, ...], cotangent: Any) -> Any:
    def function(*values: Tensor) -> Any:
        changes = dict(zip(names, values, strict=True))
        whole = with_inputs(self.names, changes) if "_input_names" in self.names else changes
        return self.replaced(whole).value(node.args[0])

    at = tuple(self.names[name] for name in names)
    result = self.caller.gradient(function, at, cotangent)
    return result[0] if len(result) == 1 else result


def _grad(self: Evaluator, node: ast.Call) -> Any:
    return _pull(self, node, named_tensors(self, node.args[1:]), None)


def _vjp(self: Evaluator, node: ast.Call) -> Any:
    return _pull(self, node, named_tensors(self, node.args[1:-1]), self.value(node.args[-1]))


def _map(self: Evaluator, node: ast.Call) -> Any:
    function, *items = (self.value(item) for item in node.args)
    return tuple(function(*group) for group in zip(*items, strict=True))


def _fold(self: Evaluator, node: ast.Call) -> Any:
    values = [self.value(item) for item in node.args]
    function, items = values[0], list(values[1])
    result = values[2] if len(values) > 2 else items.pop(0)
    for item in items:
        result = function(result, item)
    return result


def _growth(self: Evaluator, node: ast.Call) -> Any:
    function, sizes = self.value(node.args[0]), self.value(node.args[1])
    x = torch.tensor([math.log(float(n)) for n in sizes], dtype=torch.float64)
    y = torch.tensor([math.log(float(function(n))) for n in sizes], dtype=torch.float64)
    return ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()


def _observed(name: str) -> Callable[[Evaluator, ast.Call], Any]:
    def form(self: Evaluator, node: ast.Call) -> Any:
        return self.caller.observed_call(name, lambda: self.value(node.args[0]))

    return form


def _dtype(self: Evaluator, node: ast.Call) -> Any:
    return self.caller.observed_call("dtype", lambda: self.value(node.args[0]))


def _contiguous(self: Evaluator, node: ast.Call) -> Any:
    value = self.value(node.args[0])
    fresh: Callable[[Any], Any] = lambda x: x.clone() if isinstance(x, Tensor) else x  # noqa: E731
    if isinstance(value, dict):
        return {key: fresh(item) for key, item in value.items()}
    return tuple(fresh(x) for x in value) if isinstance(value, tuple) else fresh(value)


def _batch_element(self: Evaluator, node: ast.Call) -> Any:
    what = node.args[0]
    index = int(self.value(node.args[1]))
    value = self.value(what)
    axes: dict[str, int] = self.names.get("_batch_axes", {})
    if isinstance(value, dict):
        return {key: _narrow(item, axes.get(key), index) for key, item in value.items()}
    if isinstance(what, ast.Name) and what.id == "inputs":
        names = list(self.names.get("_input_names", ()))
        return tuple(
            _narrow(item, axes.get(name), index) for name, item in zip(names, value, strict=True)
        )
    result_axes = self.names.get("_result_axes", ())
    parts = value if isinstance(value, tuple) else (value,)
    narrowed = tuple(
        _narrow(item, axis, index) for item, axis in zip(parts, result_axes, strict=True)
    )
    return narrowed if isinstance(value, tuple) else narrowed[0]


def _narrow(value: Any, axis: int | None, index: int) -> Any:
    if axis is None or not isinstance(value, Tensor) or value.shape[axis] == 1:
        return value
    return value.narrow(axis, index, 1)


def _default_options(self: Evaluator, node: ast.Call) -> Any:
    defaults = self.names.get("_defaults", {})
    return {
        key: value
        for key, value in self.names["options"].items()
        if isinstance(value, Tensor) or value != defaults.get(key)
    }


FORMS: dict[str, Callable[[Evaluator, ast.Call], Any]] = {
    "edit": _edit, "grad": _grad, "vjp": _vjp, "map": _map, "fold": _fold, "growth": _growth,
    "mutated": _observed("mutated"), "margins_written": _observed("margins_written"),
    "state_changed": _observed("state_changed"), "kept": _observed("kept"),
    "repeats": _observed("repeats"), "well_formed": _observed("well_formed"), "dtype": _dtype,
    "contiguous": _contiguous, "batch_element": _batch_element,
    "default_options": _default_options,
    **measures.FORMS,
}  # fmt: skip

_HANDLERS: dict[type, Callable[[Evaluator, Any], Any]] = {
    ast.Constant: lambda self, node: node.value,
    ast.Name: Evaluator._name, ast.BinOp: Evaluator._binop, ast.UnaryOp: Evaluator._unary,
    ast.BoolOp: Evaluator._boolop, ast.Compare: Evaluator._compare, ast.IfExp: Evaluator._ifexp,
    ast.Tuple: Evaluator._tuple, ast.List: Evaluator._tuple, ast.Subscript: Evaluator._subscript,
    ast.Lambda: Evaluator._lambda, ast.Call: Evaluator._call,
}  # fmt: skip
