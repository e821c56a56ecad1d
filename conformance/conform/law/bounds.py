"""Tensors of law values, bounded in size: a spec may come from a stranger."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

MAX_ELEMENTS = 2**24


class TooLarge(Exception):
    """The law asks for more elements than an evaluation may hold."""


def tensor(x: Any) -> Tensor:
    """A tensor from a tensor, number or (nested) tuple; floats become float64."""
    if isinstance(x, Tensor):
        return x
    if isinstance(x, (tuple, list)):
        return torch.stack([tensor(item) for item in x]) if x else torch.zeros(0)
    return torch.tensor(x, dtype=torch.float64 if isinstance(x, float) else None)


def bounded(*shape: Any) -> tuple[int, ...]:
    """A shape as integers; TooLarge when a size is negative or there are too many elements."""
    sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
    result = tuple(int(n) for n in sizes)
    if any(n < 0 for n in result) or math.prod(result) > MAX_ELEMENTS:
        raise TooLarge(f"shape {result} is negative or larger than {MAX_ELEMENTS} elements")
    return result


def elements(x: Any) -> int:
    """How many elements a tensor or a (nested) tuple of tensors holds; 1 for anything else."""
    if isinstance(x, Tensor):
        return x.numel()
    return sum(map(elements, x)) if isinstance(x, (tuple, list)) else 1
