"""Comparing two runs of one call: bit for bit, or up to what another alignment may change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from conform.work.effects import count_changed

# Of the largest entry. What is computed from other values differs by far more.
ALIKE = {True: 0.03, False: 1e-3}  # by: half precision
LIKE = {True: 0.1, False: 0.01}  # of gradients, which another algorithm may have given
REST = {True: 0.05, False: 1e-3}  # of the largest of all, where next to nothing flows


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


def same_gradients(
    whole: Mapping[Any, torch.Tensor | None],
    parts: Sequence[Mapping[Any, torch.Tensor | None]],
) -> bool:
    """Whether the parts' gradients add up to the whole's, as far as the parts were asked for.

    Each is measured by its own largest entry, or by that of a part, and a little by the largest of
    all, so that roundoff where nothing flows is nothing.
    """
    present = [g for g in whole.values() if g is not None and g.numel()]
    if not present or not all(bool(torch.isfinite(g).all()) for g in present):
        return True
    half = any(g.itemsize <= 2 for g in present)
    rest = REST[half] * max(map(_largest, present))
    for key in {key for part in parts for key in part}:
        found = [g for g in (part.get(key) for part in parts) if g is not None]
        wanted = whole.get(key)
        total = sum((g.double() for g in found), torch.zeros((), dtype=torch.double))
        expected = torch.zeros(()) if wanted is None else wanted.double()
        own = max(map(_largest, found if wanted is None else [*found, wanted]), default=0.0)
        if not bool(((total - expected).abs() <= LIKE[half] * own + rest).all()):
            return False
    return True


def _largest(gradient: torch.Tensor) -> float:
    return float(gradient.double().abs().amax()) if gradient.numel() else 0.0


def mostly_same(
    whole: Mapping[Any, torch.Tensor | None], part: Mapping[Any, torch.Tensor | None]
) -> bool:
    """Whether each of the part's gradients is less than half its own length off the whole's.

    For results that are not the same to the bit: roundings of another algorithm may cross a kink,
    which turns few entries, each by all of it. What is left out is off by the whole length.
    """
    present = [g for g in whole.values() if g is not None and g.numel()]
    size = max((float(g.double().norm()) for g in present), default=0.0)
    apart = size * max((LIKE[g.itemsize <= 2] for g in present), default=0.0)
    for key, got in part.items():
        wanted = whole.get(key)
        if got is None or wanted is None:
            missing = got if wanted is None else wanted
            off, length = (0.0 if missing is None else float(missing.double().norm())), 0.0
        else:
            off = float((got.double() - wanted.double()).norm())
            length = float(wanted.double().norm())
        if not off <= 0.5 * length + apart:
            return False
    return True
