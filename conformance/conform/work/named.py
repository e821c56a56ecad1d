"""Iterables of (name, tensor), the argument of operators that pick parameters by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from conform.work.protocol import NamedArg

Named = tuple[tuple[str, torch.Tensor], ...]


def as_named(value: Any) -> NamedArg | None:
    """The argument of a tuple of (name, tensor); None for anything else."""
    if not isinstance(value, tuple) or not value:
        return None
    if all(isinstance(x, tuple) and len(x) == 2 and isinstance(x[0], str) for x in value):
        return NamedArg(tuple(name for name, _ in value))
    return None


def pairs(names: tuple[str, ...]) -> Named:
    """Small zero tensors under the names: vectors and matrices, whatever the name, some frozen.

    Every seventh has the tensor of an earlier one: tied parameters have several names.
    """
    own = [
        torch.zeros(2, 2 if i % 3 else 1).squeeze(1).requires_grad_(i % 4 > 0)
        for i in range(len(names))
    ]
    return tuple((name, own[i // 2 if i % 7 == 6 else i]) for i, name in enumerate(names))


def stream(arg: NamedArg) -> Iterator[tuple[str, torch.Tensor]]:
    """What a target is given: an iterator that ends, like `module.named_parameters()`."""
    return iter(pairs(arg.names))
