"""The two sides of a comparison: their parts, differences, sizes and bits."""

from __future__ import annotations

from typing import Any

import torch

from conform.judge.criterion import Residual, unravelled
from conform.law.bounds import tensor
from conform.law.forms import with_inputs

Tensor = torch.Tensor
ARITHMETIC = 2.0**-44  # float64 law arithmetic: a few thousand roundoffs of the largest term

FLUSHED = 2.0**-126  # numbers below the normal range of float32 may count as zero


def other_integers(x: Tensor) -> Tensor:
    """Other legal values of the same range: the values reversed, or shifted cyclically."""
    low, high = int(x.min()), int(x.max())
    return low + (high - x) if high > low else x.clamp_min(0) - (x > 0).to(x.dtype)


def rebound(names: dict[str, Any], own: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The names with drawn tensors changed, also under `inputs` and `options`."""
    result = {**names, **changes}
    result.update(with_inputs(names, changes))
    return result


def flushed(names: dict[str, Any]) -> dict[str, Any] | None:
    """The names with numbers below the normal range set to zero; None if there are none."""
    floats = {k: x for k, x in names.items() if isinstance(x, Tensor) and x.is_floating_point()}
    tiny = {k: (x != 0) & (x.abs() < FLUSHED) for k, x in floats.items()}
    if not any(bool(t.any()) for t in tiny.values()):
        return None
    return rebound(names, {}, {k: torch.where(tiny[k], 0.0, x) for k, x in floats.items()})


def parts(value: Any) -> tuple[Any, ...]:
    """A law's value as a tuple of results."""
    return value if isinstance(value, tuple) else (value,)


def is_none(parts: tuple[Any, ...]) -> bool:
    """Whether a side is the literal None."""
    return len(parts) == 1 and parts[0] is None


def truth(value: Any) -> bool:
    """Whether every element holds."""
    if isinstance(value, tuple):
        return all(truth(item) for item in value)
    return bool(value.all()) if isinstance(value, Tensor) else bool(value)


def numeric(x: Any) -> Tensor:
    """As a floating tensor."""
    x = tensor(x)
    return x if x.is_floating_point() else x.to(torch.float64)


def gap(a: Any, b: Any) -> Tensor:
    """a - b, zero where both are the same infinity or both NaN."""
    x, y = numeric(a), numeric(b)
    same = (torch.isinf(x) & (x == y)) | (torch.isnan(x) & torch.isnan(y))
    return torch.where(same, 0.0, x - y)


def sampled_gap(a: Any, b: Any) -> Tensor:
    """a - b of a sample; NaN where a side left the dtype's range: nothing is bounded there."""
    x, y = numeric(a), numeric(b)
    return torch.where(torch.isnan(x) | torch.isnan(y), torch.nan, gap(x, y))


def scale(a: Any, b: Any) -> Tensor:
    """The larger magnitude of the two sides, 0 where infinite."""
    x, y = numeric(a), numeric(b)
    return torch.nan_to_num(torch.maximum(x.abs(), y.abs()), posinf=0.0, neginf=0.0)


def arithmetic_floor(sizes: Tensor) -> Tensor:
    """What a law's own float64 arithmetic may lose, by elements of these sizes.

    An element that is small because its terms cancel loses as much as the usual one.
    """
    usual = sizes.median() if sizes.numel() else sizes
    return torch.maximum(sizes, usual) * ARITHMETIC


def small(gap: Tensor, floor: Tensor, one_sided: bool) -> bool:
    """Whether a difference stays within a floor everywhere."""
    return bool(((gap if one_sided else gap.abs()) <= floor).all())


def residual(
    gap: Tensor, gap0: Tensor, bound: Tensor, a: Tensor, b: Tensor, one_sided: bool
) -> Residual:
    """The worst element of a difference, in units of its bound."""
    if gap.numel() == 0:
        return Residual(0.0, 0.0, (), 0.0, 0.0, 0.0, 0, 0)
    error = gap - gap0.clamp_min(0.0) if one_sided else (gap - gap0).abs()
    ratio = torch.where(bound > 0, error / bound, torch.where(error > 0, float("inf"), 0.0))
    ratio = torch.nan_to_num(ratio, nan=float("inf"), posinf=float("inf"), neginf=0.0)
    # Where the model itself leaves the dtype's range, NaN is excused as in agreement.
    ratio = torch.where(torch.isinf(bound), 0.0, ratio)
    flat = int(ratio.argmax())
    index = unravelled(flat, ratio.shape)
    left, right = (numeric(x).expand(ratio.shape) for x in (a, b))
    return Residual(
        float(ratio.flatten()[flat]),
        0.0,
        index,
        float(right[index]),
        float(left[index]),
        float(bound.flatten()[flat]),
        ratio.numel(),
        ratio.numel(),
    )


def bit_difference(a: tuple[Any, ...], b: tuple[Any, ...]) -> str:
    """The first difference in bits in words, or an empty string."""
    if len(a) != len(b):
        return f"{len(a)} results against {len(b)}"
    for x, y in zip(a, b, strict=True):
        x, y = tensor(x), tensor(y)
        if x.shape != y.shape:
            return f"shapes {tuple(x.shape)} and {tuple(y.shape)}"
        other = (x != y) & ~(torch.isnan(numeric(x)) & torch.isnan(numeric(y)))
        # A number below the normal range may be flushed to zero.
        flushed = (numeric(x) - numeric(y)).abs() < FLUSHED  # (never so of NaN)
        other &= ~(((x == 0) | (y == 0)) & flushed)
        if bool(other.any()):
            index = tuple(int(i) for i in other.nonzero()[0])
            return (
                f"at {list(index)}: {float(x[index]):.17g} is not {float(y[index]):.17g} "
                f"({int(other.sum())} of {other.numel()} elements)"
            )
    return ""
