"""Comparing two runs of one call: bit for bit, or up to what another alignment may change."""

from __future__ import annotations

from typing import Any

import torch

from conform.work.effects import count_changed

# Of the largest entry. What is computed from other values differs by far more.
ALIKE = {True: 0.03, False: 1e-3}  # by: half precision


def differences(first: list[Any], second: list[Any]) -> tuple[int, ...]:
    """Differing elements by result; everything differs where shapes or dtypes do."""
    if len(first) != len(second):
        return (max(len(first), len(second)),)
    counts = []
    for a, b in zip(first, second, strict=True):
        if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
            shaped = a.shape == b.shape and a.dtype == b.dtype
            counts.append(count_changed(a, b) if shaped else max(a.numel(), b.numel(), 1))
        else:
            same = a == b or (a != a and b != b)
            counts.append(0 if same else 1)
    return tuple(counts)


def alike(first: list[Any], second: list[Any]) -> bool:
    """Whether two runs of one computation agree, but for what another alignment may change."""
    if len(first) != len(second):
        return False
    for a, b in zip(first, second, strict=True):
        if not (isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor)):
            if a != b and not (a != a and b != b):
                return False
            continue
        if a.shape != b.shape or a.dtype != b.dtype:
            return False
        if not a.is_floating_point():
            if not torch.equal(a, b):
                return False
            continue
        size = a.double().nan_to_num(posinf=0.0, neginf=0.0).abs().amax() if a.numel() else 0.0
        apart = ALIKE[a.itemsize <= 2] * float(size)
        if not torch.allclose(a.double(), b.double(), rtol=0.0, atol=apart, equal_nan=True):
            return False
    return True
