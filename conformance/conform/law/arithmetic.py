"""Arithmetic of laws: on numbers and tensors, of bounded size, floats in float64."""

from __future__ import annotations

import ast
import math
import operator as op
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from conform.law.bounds import MAX_ELEMENTS, tensor
from conform.law.grammar import LawError


def _power(a: Any, b: Any) -> Any:
    if isinstance(a, int) and isinstance(b, int) and (abs(b) > 64 or abs(a) > 2**32):
        raise LawError(f"the power {a}**{b} is too large")
    if isinstance(a, int) and isinstance(b, int) and b < 0:
        return float(a) ** b
    a, b = _matched(a, b)
    return a**b


def real(a: Any) -> Any:
    """Booleans and bytes count as whole numbers: a byte less 127 can be negative."""
    whole = isinstance(a, Tensor) and not (a.is_floating_point() or a.is_complex())
    return a.to(torch.int64) if whole else a


def _matched(a: Any, b: Any) -> tuple[Any, Any]:
    """Both ready for arithmetic: integers that meet a float become float64, torch would say 32."""
    a, b = real(a), real(b)
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
    a, b = real(a), real(b)
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
