"""Special forms of laws: their argument is not evaluated first."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from conform.law import measures
from conform.law.bounds import MAX_ELEMENTS, elements
from conform.law.grammar import LawError

if TYPE_CHECKING:
    from conform.law.evaluate import Evaluator


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
    results, held = [], 0
    for group in zip(*items, strict=True):
        results.append(function(*group))
        held += elements(results[-1])
        if held > MAX_ELEMENTS:
            raise LawError(
                f"the results have more than {MAX_ELEMENTS} elements", column=node.col_offset
            )
    return tuple(results)


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


def _laid(name: str) -> Callable[[Evaluator, ast.Call], Any]:
    """Copies that are remembered under `name`; see Material."""

    def form(self: Evaluator, node: ast.Call) -> Any:
        value = self.value(node.args[0])
        remembered: list[Tensor] = self.names.get(name, [])

        def fresh(x: Any) -> Any:
            if not isinstance(x, Tensor):
                return x
            remembered.append(x.clone())
            return remembered[-1]

        if isinstance(value, dict):
            return {key: fresh(item) for key, item in value.items()}
        return tuple(fresh(x) for x in value) if isinstance(value, tuple) else fresh(value)

    return form


def _batch_element(self: Evaluator, node: ast.Call) -> Any:
    index = int(self.value(node.args[1]))
    return _along_the_batch(self, node.args[0], lambda x, axis: x.narrow(axis, index, 1))


def _batch_reversed(self: Evaluator, node: ast.Call) -> Any:
    return _along_the_batch(self, node.args[0], lambda x, axis: x.flip(axis))


def _along_the_batch(
    self: Evaluator, what: ast.expr, change: Callable[[Tensor, int], Tensor]
) -> Any:
    """`change(x, axis)` of every tensor that has the batch on an axis longer than 1."""

    def changed(value: Any, axis: int | None) -> Any:
        if axis is None or not isinstance(value, Tensor) or value.shape[axis] == 1:
            return value
        return change(value, axis)

    value = self.value(what)
    axes: dict[str, int] = self.names.get("_batch_axes", {})
    if isinstance(value, dict):
        return {key: changed(item, axes.get(key)) for key, item in value.items()}
    if isinstance(what, ast.Name) and what.id == "inputs":
        names = list(self.names.get("_input_names", ()))
        return tuple(changed(item, axes.get(k)) for k, item in zip(names, value, strict=True))
    result_axes = self.names.get("_result_axes", ())
    parts = value if isinstance(value, tuple) else (value,)
    made = tuple(changed(item, axis) for item, axis in zip(parts, result_axes, strict=True))
    return made if isinstance(value, tuple) else made[0]


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
    "state_changed": _observed("state_changed"), "random_drawn": _observed("random_drawn"),
    "kept": _observed("kept"),
    "renewed": _observed("renewed"), "apart": _observed("apart"),
    "again": _observed("again"), "straight": _observed("straight"), "numbers": _observed("numbers"),
    "flows": _observed("flows"), "repeats": _observed("repeats"),
    "well_formed": _observed("well_formed"), "dtype": _dtype,
    "contiguous": _laid("_fresh"), "swapped": _laid("_swapped"), "batch_element": _batch_element,
    "batch_reversed": _batch_reversed,
    "default_options": _default_options,
    **measures.FORMS,
}  # fmt: skip
