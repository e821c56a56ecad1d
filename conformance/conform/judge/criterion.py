"""The numeric criterion: is a result within the roundings that its model excuses?

Truth is the oracle in float64 on the inputs as given. The bound of an element is half an ulp of the
result's dtype, plus t times the root mean square deviation that the rounding model shows (t from
Student's distribution, since the deviation is estimated from a few samples), plus what the spec
excuses. Where a result hangs on roundoff out of proportion, four times the roundoff is asked as
well (`steep_apart`). Besides each element, the root mean square of |error| / bound is held to what
the samples themselves show, so that a dense small error is refuted as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from scipy.special import stdtrit

from conform.judge.model import rounded_on_scaled_grid

ALARM = 1e-9  # two-sided, per element
RMS_ALARM = 1e-9
# An implementation's roundings need not be spread as the samples'. In half precision the excused
# roundings are known one by one; what float32 arithmetic does inside is known to a factor only.
RMS_SLACK = {torch.bfloat16: 1.25, torch.float16: 1.25, torch.float32: 3.0, torch.float64: 3.0}
RMS_FEWEST = 32
STRETCH = 4.0  # how much more roundoff shows what hangs on it
FEW = 2.0**-26  # float32's roundoff times this: a few roundoffs of float64
CLOSE = 2.0  # independent roundings of half a step each spread 1.7 times as far as usual ones
CLOSE_ALONE = 4.0  # of one element, which goes twice as far by chance
ASTRIDE = 3.0  # n terms of either sign reach sqrt(n) times their root mean square
STEEP = 1.5  # of what is in proportion; by chance one element in fifty goes as far
HALF_ULP = 0.505  # the oracle's own rounding counts too

_BITS = {torch.float64: 53, torch.float32: 24, torch.bfloat16: 8, torch.float16: 11}
_MIN_EXPONENT = {
    torch.float64: -1021,
    torch.float32: -125,
    torch.bfloat16: -125,
    torch.float16: -13,
}


@lru_cache(maxsize=64)
def quantile(alarm: float, samples: int) -> float:
    """Student's t: how many estimated deviations an honest error stays within."""
    return -float(stdtrit(samples, alarm / 2))


def ulp(x: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Spacing of `dtype` at |x| (float64 in and out); the subnormal spacing near zero."""
    exponent = torch.frexp(x)[1].clamp_min(_MIN_EXPONENT[dtype])
    exponent = torch.where(x == 0, _MIN_EXPONENT[dtype], exponent)
    return torch.ldexp(torch.ones_like(x), exponent - _BITS[dtype])


@dataclass(frozen=True)
class Residual:
    """How far a result is from what is expected, in units of the bound.

    `index` is where the largest ratio is; `rms` is the root mean square over its limit (1 is the
    limit); `judged` counts the elements with a finite bound.
    """

    ratio: float
    rms: float
    index: tuple[int, ...]
    expected: float
    actual: float
    bound: float
    judged: int
    elements: int

    @property
    def excess(self) -> float:
        """The larger of the two ratios; at most 1 conforms."""
        return max(self.ratio, self.rms)

    @property
    def within(self) -> bool:
        """Whether the result conforms."""
        return self.ratio <= 1.0 and self.rms <= 1.0


NOTHING = Residual(0.0, 0.0, (), 0.0, 0.0, 0.0, 0, 0)


def spread(samples: torch.Tensor, centre: torch.Tensor, scale: float) -> torch.Tensor:
    """Excused deviation per element: t times the rms deviation of samples [N, ...] from it."""
    distance = (samples - centre).abs()
    # Relative to the largest, since squares of tiny float64 deviations would underflow.
    largest = distance.amax(0)
    unit = torch.where(largest > 0, largest, 1.0)
    deviation = (distance / unit).square().mean(0).sqrt() * largest * scale
    # A sample that is NaN or infinite says that anything can come out here.
    deviation = torch.where(torch.isfinite(centre), deviation.nan_to_num(nan=torch.inf), 0.0)
    return deviation * quantile(ALARM, samples.shape[0])


def steep_apart(
    samples: torch.Tensor, stretched: torch.Tensor, centre: torch.Tensor
) -> torch.Tensor:
    """`samples`, but where those `stretched` spread out of proportion, these and as much again.

    There a result hangs on roundoff by a threshold or an exponential (two scores apart by a few
    roundoffs, a softmax of one winner), and what happens to one implementation in twenty shows in
    no sample. STRETCH times the roundoff brings it to light; where the response is linear, it
    spreads STRETCH times as far and nothing is learnt. Where it is not, the tails are longer than
    any deviation tells.
    """
    narrow, wide = (((x - centre).abs()).square().mean(0).sqrt() for x in (samples, stretched))
    steep = torch.isfinite(wide) & (wide > STEEP * STRETCH * narrow)
    return torch.where(steep, centre + (stretched - centre) * STRETCH, samples)


def level_apart(
    samples: torch.Tensor, small: torch.Tensor, centre: torch.Tensor, scale: float
) -> torch.Tensor:
    """`samples`, but `small` ones (of FEW times the roundoff) where `scale` belittles them.

    Float64 is judged as float32 scaled down. Where float32's roundoff already turns a result about
    (a tie among scores of 1e30, which the last bit decides) float64's does so as well, as far.
    """
    large, actual = (((x - centre).abs()).square().mean(0).sqrt() for x in (samples, small))
    level = torch.isfinite(actual) & (actual > STEEP**2 * FEW * large)
    return torch.where(level, centre + (small - centre) / scale, samples)


def close_apart(samples: torch.Tensor, apart: torch.Tensor, centre: torch.Tensor) -> torch.Tensor:
    """`samples`, but those rounded `apart` where these spread far more widely.

    Values that are close (the weights of keys that all score alike) are rounded alike on almost
    every grid, and what that loses cancels. On the few grids that have a boundary in their midst
    some go up and the others down, by half a step each. What is read with the same weights is so
    together, with which few samples are sure; an element by itself must go further.
    """
    narrow, wide = ((x - centre).square().mean(0) for x in (samples, apart))
    # Few terms of one sign more than the other: three times `wide`, whatever cancels elsewhere.
    share = ASTRIDE / quantile(ALARM, samples.shape[0])
    astride = torch.isfinite(wide) & (wide * share**2 > narrow)
    samples = torch.where(astride, centre + (apart - centre) * share, samples)
    far = torch.isfinite(wide) & (wide > CLOSE_ALONE**2 * narrow)
    if centre.dim():
        narrow, wide = (x.mean(-1, keepdim=True) for x in (narrow, wide))
    return torch.where(far | (torch.isfinite(wide) & (wide > CLOSE**2 * narrow)), apart, samples)


def _rounded_once(
    expected: torch.Tensor, spread_: torch.Tensor, dtype: torch.dtype
) -> torch.Tensor:
    """The spread and half an ulp of the largest value that it reaches."""
    reach = expected.abs() + torch.nan_to_num(spread_, posinf=0.0)
    return ulp(torch.nan_to_num(reach, posinf=0.0, neginf=0.0), dtype) * HALF_ULP + spread_


def bound_of(
    expected: torch.Tensor,
    spread_: torch.Tensor,
    dtype: torch.dtype,
    excuse: torch.Tensor | float = 0.0,
) -> torch.Tensor:
    """Bound per element for a result stored in `dtype`."""
    bound = _rounded_once(expected, spread_, dtype) + excuse
    # Results below the normal range may be flushed to zero (float32 arithmetic on many devices).
    # Float64 is judged as float32 scaled down, so that its tiny values are excused alike.
    smallest = 2.0 ** (_MIN_EXPONENT[dtype] - 1) if dtype is not torch.float64 else 2.0**-152
    flushable = expected.abs() < (smallest if dtype is not torch.float64 else 2.0**-126)
    return torch.where(flushable, bound.clamp_min(smallest), bound)


def rms_of(
    given: torch.Tensor,
    samples: torch.Tensor,
    expected: torch.Tensor,
    bound: torch.Tensor,
    dtype: torch.dtype,
    scale: float,
) -> float:
    """Root mean square of |error| / bound over what the samples, finally rounded, excuse.

    Elements where some sample leaves the dtype's range are left out on both sides.
    """
    count = samples.shape[0]
    grid = torch.linspace(1.0, 2.0, count + 1, dtype=torch.float64)[:count]
    c = grid.view(-1, *([1] * expected.ndim))
    noisy = expected + (samples - expected) * scale
    rounded = noisy if dtype is torch.float64 else rounded_on_scaled_grid(noisy, c, dtype)
    share = ((rounded - expected) / bound).flatten(1)
    usable = torch.isfinite(share).all(0) & (bound.flatten() > 0)
    if int(usable.sum()) < RMS_FEWEST:
        return 0.0
    rms = share[:, usable].square().mean(1).sqrt()
    half_ulp = (
        (HALF_ULP / 3**0.5) * ulp(expected, dtype).flatten()[usable] / bound.flatten()[usable]
    )
    floor = float(half_ulp.square().mean().sqrt())
    mean = max(float(rms.mean()), floor)
    deviation = float(rms.std()) * (1 + 1 / count) ** 0.5
    limit = mean * RMS_SLACK[dtype] + deviation * -float(stdtrit(count - 1, RMS_ALARM))
    error = ((given - expected) / bound).flatten()[usable]
    measured = float(torch.nan_to_num(error, nan=0.0).square().mean().sqrt())
    return measured / limit if limit > 0 else 0.0


def judge(
    actual: torch.Tensor,
    expected: torch.Tensor,
    samples: torch.Tensor,
    scale: float,
    excuse: torch.Tensor | float = 0.0,
) -> Residual:
    """The residual of a float result `actual` (its own dtype) against float64 `expected`."""
    dtype = actual.dtype
    if expected.numel() == 0:
        return NOTHING
    given = actual.to(torch.float64)
    noise = spread(samples, expected, scale)
    bound = bound_of(expected, noise, dtype, excuse)
    ratio = ratios(given, expected, bound, dtype)
    finite = torch.isfinite(expected) & torch.isfinite(bound) & torch.isfinite(given)
    # What is excused besides noise (flushing) may be lost by every element at once.
    finite &= bound <= 2 * _rounded_once(expected, noise, dtype)
    rms = 0.0
    if (
        samples.shape[0] > 1
        and int(finite.sum()) >= RMS_FEWEST
        and _distinct(expected[finite]) >= RMS_FEWEST
    ):
        rms = rms_of(
            given[finite], samples[:, finite], expected[finite], bound[finite], dtype, scale
        )
    return _summary(ratio, given, expected, bound, rms)


def _distinct(x: torch.Tensor) -> int:
    return int(torch.unique(x).numel())


def ratios(
    given: torch.Tensor, expected: torch.Tensor, bound: torch.Tensor, dtype: torch.dtype
) -> torch.Tensor:
    """|error| / bound per element; infinity where NaN or an infinity stands in the wrong place."""
    error = (given - expected).abs()
    ratio = torch.where(bound > 0, error / bound, torch.where(error > 0, float("inf"), 0.0))
    same_infinity = torch.isinf(expected) & (given == expected)
    both_nan = torch.isnan(expected) & torch.isnan(given)
    limit = torch.finfo(dtype).max if dtype.is_floating_point else float("inf")
    # Beyond the dtype's range an infinity of the right sign, or its largest number, is right.
    overflow = (expected * given.sign() + torch.nan_to_num(bound, posinf=0.0) > limit) & (
        given.abs() >= limit * 0.99
    )
    excused = torch.isinf(bound) & torch.isfinite(expected)
    bad = torch.isnan(given) ^ torch.isnan(expected) | (torch.isinf(given) ^ torch.isinf(expected))
    ratio = torch.where(bad, float("inf"), ratio)
    ratio = torch.where(same_infinity | both_nan | overflow | excused, 0.0, ratio)
    return torch.nan_to_num(ratio, nan=float("inf"), posinf=float("inf"))


def exact_residual(actual: torch.Tensor, expected: torch.Tensor) -> Residual:
    """For integers and booleans: any difference is infinite."""
    if expected.numel() == 0:
        return NOTHING
    given, wanted = actual.to(torch.float64), expected.to(torch.float64)
    ratio = torch.where(given == wanted, 0.0, float("inf"))
    return _summary(ratio, given, wanted, torch.zeros_like(wanted), 0.0)


def unravelled(flat: int, shape: Sequence[int]) -> tuple[int, ...]:
    """The index of the flat-th element. (torch's own imports symbolic shapes: a second.)"""
    return tuple(int(i) for i in np.unravel_index(flat, tuple(shape))) if shape else ()


def _summary(
    ratio: torch.Tensor,
    given: torch.Tensor,
    expected: torch.Tensor,
    bound: torch.Tensor,
    rms: float,
) -> Residual:
    flat = int(ratio.argmax())
    index = unravelled(flat, ratio.shape)
    judged = int(torch.isfinite(bound).sum())
    return Residual(
        float(ratio.flatten()[flat]),
        rms,
        index,
        float(expected.flatten()[flat]),
        float(given.flatten()[flat]),
        float(bound.flatten()[flat]),
        judged,
        ratio.numel(),
    )


Excuse = Callable[[Sequence[torch.Tensor]], torch.Tensor | float]
