"""Functions whose slope frameworks take from the result that they keep, rounded as it is stored."""

import torch
from torch import Tensor

from conform_reference.rounding import injected, mark


def _through(name: str, stored: Tensor, slope: Tensor, z: Tensor) -> Tensor:
    """`stored` with the gradient `slope`; the mark's dtype may hold the incoming gradient, too."""
    # Infinity minus infinity is no number, and the curve is flat out there. (What is none itself,
    # as where float16 may have overflowed, stays none: its slope is not known.)
    change = torch.where(torch.isinf(z), 0.0, z - z.detach())
    return mark(f"backward.{name}", stored + slope * change)


def saved_sigmoid(name: str, z: Tensor) -> Tensor:
    """1 / (1 + exp(-z)) at the mark `name`, evaluated as such; slope g (1 - g)."""
    g = mark(name, torch.sigmoid(z)).detach()
    return _through(name, g, g * (1 - g), z)


def sigmoid(name: str, z: Tensor) -> Tensor:
    """1 / (1 + exp(-z)) at the mark `name`; slope g (1 - g): 0 where g is rounded to 1."""
    gate = saved_sigmoid(name, z)
    if not injected():
        return gate
    # Some take it as (1 + tanh(z / 2)) / 2, whose roundoff is that of 1.
    return gate + (_kept_tanh("float32.gate", z / 2) - torch.tanh(z / 2)) / 2


def _kept_tanh(name: str, z: Tensor) -> Tensor:
    g = mark(name, torch.tanh(z)).detach()
    return _through(name, g, 1 - g * g, z)


def tanh(name: str, z: Tensor) -> Tensor:
    """tanh(z) at the mark `name`; slope 1 - g^2, which for |g| near 1 loses most of its digits."""
    curve = _kept_tanh(name, z)
    if not injected():
        return curve
    # Kernels that lack it take it as 2 sigmoid(2 z) - 1, whose roundoff is that of 1.
    gate = torch.sigmoid(2 * z).detach()
    return curve + 2 * (mark("float32.gate", gate) - gate)


def _change(y: Tensor, value: Tensor) -> Tensor:
    """0 with the gradient of y; `value` is y's, detached."""
    change = y - value
    return torch.where(torch.isnan(change), 0.0, change)


def standardised(
    y: Tensor, normalised: Tensor, scale: Tensor, gain: Tensor, mean: Tensor | None = None
) -> Tensor:
    """`normalised` = (y - mean) * scale, rows of the last dimension, times `gain`.

    No `mean`: normalised is y * scale. Where roundoff may be injected, the slopes are the fused
    ones, of y: scale (dy - mean dy - n mean(n dy)), of the gain: n dy, with n = (y - mean) * scale,
    all of it from the statistics as they are stored: where these terms cancel, in rows of few
    features or close to the mean, what their rounding adds is far from cancelling. (Nor need both
    n come from one mean: the way back through a variance takes the mean anew.)
    """
    if not injected():
        return mark("normalised", normalised) * gain
    kept, centred = mark("saved_scale", scale).detach(), y.detach()
    # Eager code may widen y once for the values and once for the statistics, and each of the two
    # gradients is rounded on its way back.
    moved, change = (_change(mark("backward.partial", y), centred) for _ in range(2))
    again = centred
    if mean is not None:
        centred, again = (centred - mark("saved_mean", mean).detach() for _ in range(2))
        moved = moved - torch.mean(change, dim=-1, keepdim=True)
    n = centred * kept
    along = n * torch.mean(again * kept * change, dim=-1, keepdim=True)
    value = normalised.detach()
    drift = torch.where(torch.isfinite(n - value), n - value, 0.0) * gain
    more = drift - drift.detach()
    product = mark("normalised", value + kept * (moved - along)) * gain
    return product + torch.where(torch.isnan(more), 0.0, more)
