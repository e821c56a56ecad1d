"""Metering one call of a function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import torch
from torch.utils._pytree import tree_leaves, tree_map

from conform.measure.meter import metered
from conform.measure.record import Key, Measurement
from conform.measure.seam import reversed_programs

T = TypeVar("T")


def measure(function: Callable[..., T], /, *args: Any, **kwargs: Any) -> tuple[T, Measurement]:
    """Call the function and meter it: (its result, what it moved and computed).

    Tensors among the arguments are told apart in `Measurement.arguments` by position or name.
    Triton kernels are metered where they are interpreted (TRITON_INTERPRET=1 before triton is
    imported), eager PyTorch on the CPU. Whatever the function raises is raised.
    """
    named: dict[Key, Any] = dict(enumerate(args))
    named.update(kwargs)
    tensors = {key: x for key, x in named.items() if isinstance(x, torch.Tensor)}
    with metered(tensors) as meter:
        result = function(*args, **kwargs)
    return result, meter.measurement(tree_leaves(result))


def measure_order(
    function: Callable[..., T], /, *args: Any, **kwargs: Any
) -> tuple[T, Measurement]:
    """As `measure`, and `order_dependent` says whether the order of programs shows.

    The function is called once more, on copies of its tensors, with the programs of each launch in
    reverse; the results are compared bit for bit.
    """
    again_args, again_kwargs = tree_map(_copied, (args, kwargs))
    result, measured = measure(function, *args, **kwargs)
    with reversed_programs():
        again = function(*again_args, **again_kwargs)
    pairs = zip(tree_leaves(result), tree_leaves(again), strict=True)
    return result, replace(measured, order_dependent=not all(_same(a, b) for a, b in pairs))


def _copied(x: Any) -> Any:
    if not isinstance(x, torch.Tensor):
        return x
    copy = x.detach().clone()
    return copy.requires_grad_(x.requires_grad) if x.is_leaf else copy


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        alike = a.shape == b.shape and a.dtype == b.dtype
        return (
            alike
            and torch.equal(a.isnan(), b.isnan())
            and torch.equal(a.detach().nan_to_num(), b.detach().nan_to_num())
        )
    return bool(a == b)
