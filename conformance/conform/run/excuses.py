"""What a spec, or flushing of subnormals, excuses beyond the rounding model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from conform.draw.fill import DTYPES
from conform.judge.sampling import as_tuple
from conform.law.evaluate import Evaluator
from conform.law.grammar import parse
from conform.run.material import Material
from conform.run.oracle import Oracle
from conform.run.replies import NotClaimed

Tensor = torch.Tensor


def excuse_of(
    material: Material, oracle: Oracle, args: tuple[Any, ...], options: dict[str, Any]
) -> Tensor | float:
    """The spec\'s extra absolute bound for a call; 0 without one."""
    text = oracle.operator.spec.accuracy.excuse
    if text is None:
        return 0.0
    names = dict(zip(oracle.operator.spec.inputs, args, strict=False))
    defaults = {k: v.default for k, v in oracle.operator.spec.options.items()}
    storage = DTYPES[material.dtype]
    unit = torch.finfo(storage).eps / 2
    evaluator = Evaluator(
        {**material.case.dims, **defaults, **options, **names, "u": unit},
        {},
        _NoCalls(),
        frozenset(),
        oracle.name,
    )
    value: Tensor | float = evaluator.value(parse(text))
    return value


def flushed_change(
    material: Material,
    oracle: Oracle,
    args: tuple[Any, ...],
    options: dict[str, Any],
    expected: Sequence[Any],
    wrt: tuple[int | str, ...],
    cotangents: tuple[Tensor, ...],
) -> list[Any] | None:
    """What flushing subnormal inputs to zero would change; that much is excused."""
    tiny = torch.finfo(DTYPES[material.dtype]).tiny
    tensors = [
        x for x in (*args, *options.values()) if isinstance(x, Tensor) and x.is_floating_point()
    ]
    if not any(bool(((x != 0) & (x.abs() < tiny)).any()) for x in tensors):
        return None

    def flush(x: Any) -> Any:
        if isinstance(x, Tensor) and x.is_floating_point():
            return torch.where(x.abs() < tiny, 0.0, x)
        return x

    given, passed = oracle.given(args, options, material.dtype)
    flat = tuple(map(flush, given)), {k: flush(v) for k, v in passed.items()}
    return _distances(oracle, *flat, material.dtype, expected, wrt, cotangents)


def undeclared_change(
    material: Material,
    oracle: Oracle,
    args: tuple[Any, ...],
    options: dict[str, Any],
    expected: Sequence[Any],
    wrt: tuple[int | str, ...],
    cotangents: tuple[Tensor, ...],
) -> list[Any] | None:
    """What conventions would change of which a target need not say that it follows them."""
    total: list[Any] = []
    for name, values in oracle.operator.spec.accuracy.either.items():
        for value in values if name not in oracle.conventions else ():
            conventions = {**oracle.conventions, name: value}
            other = Oracle(oracle.operator, conventions, oracle.model_name, oracle.compute)
            found = _distances(other, args, options, material.dtype, expected, wrt, cotangents)
            total = [a + b for a, b in zip(total, found, strict=True)] if total else found
    return total or None


def _distances(
    oracle: Oracle,
    args: tuple[Any, ...],
    options: dict[str, Any],
    dtype: str,
    expected: Sequence[Any],
    wrt: tuple[int | str, ...],
    cotangents: tuple[Tensor, ...],
) -> list[Any]:
    """How far an oracle's results, or its gradients, are from those that are expected."""
    if wrt:
        other = oracle.gradient_truth(args, options, dtype, 0, wrt, cotangents)
        outputs = other.exact.outputs
    else:
        outputs = as_tuple(oracle(args, options, dtype))
    return [
        _distance(a, b) if isinstance(a, Tensor) and a.is_floating_point() else 0.0
        for a, b in zip(outputs, expected, strict=True)
    ]


def _distance(other: Tensor, expected: Tensor) -> Tensor:
    """|a - b|; infinite where the other gives a NaN (0 / 0) that was none, or takes one away."""
    alike = torch.isnan(other) & torch.isnan(expected) | (other == expected)
    distance = torch.nan_to_num((other - expected).abs(), nan=torch.inf, posinf=torch.inf)
    return torch.where(alike, 0.0, distance)


class _NoCalls:
    """A caller for expressions that may not call operators."""

    def __getattr__(self, name: str) -> Any:
        raise NotClaimed("operators cannot be called here")
