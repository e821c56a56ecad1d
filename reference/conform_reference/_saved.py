"""Functions whose slope frameworks take from the result that they keep, rounded as it is stored."""

import torch
from torch import Tensor

from conform_reference.rounding import injected, mark


def _through(name: str, stored: Tensor, slope: Tensor, z: Tensor) -> Tensor:
    """`stored` with the gradient `slope`; the mark's dtype may hold the incoming gradient, too."""
    # infinity minus infinity is no number, and the curve is flat out there
    change = z - z.detach()
    change = torch.where(torch.isnan(change), 0.0, change)
    return mark(f"backward.{name}", stored + slope * change)


def sigmoid(name: str, z: Tensor) -> Tensor:
    """1 / (1 + exp(-z)) at the mark `name`; slope g (1 - g): 0 where g is rounded to 1."""
    g = mark(name, torch.sigmoid(z)).detach()
    return _through(name, g, g * (1 - g), z)


def tanh(name: str, z: Tensor) -> Tensor:
    """tanh(z) at the mark `name`; slope 1 - g^2, which for |g| near 1 loses most of its digits."""
    g = mark(name, torch.tanh(z)).detach()
    return _through(name, g, 1 - g * g, z)


def standardised(
    y: Tensor, normalised: Tensor, scale: Tensor, mean: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """`normalised` = (y - mean) * scale, rows of the last dimension; no `mean`: y * scale.
    With it what the stored statistics change in it, for `gained`.

    Where roundoff may be injected, its slope is the fused one, scale (dy - mean dy - n mean(n dy))
    with n = (y - mean) * scale, all of it from the statistics as they are stored: where these
    terms cancel, in rows of few features, what their rounding adds is far from cancelling.
    """
    if not injected():
        return normalised, torch.zeros((), dtype=y.dtype)
    kept, centred = mark("saved_scale", scale).detach(), y.detach()
    change = y - centred
    change = torch.where(torch.isnan(change), 0.0, change)
    moved = change
    if mean is not None:
        centred = centred - mark("saved_mean", mean).detach()
        moved = change - torch.mean(change, dim=-1, keepdim=True)
    n = centred * kept
    along = n * torch.mean(n * change, dim=-1, keepdim=True)
    drift = n - normalised.detach()
    drift = torch.where(torch.isfinite(drift), drift, 0.0)
    return normalised.detach() + kept * (moved - along), drift


def gained(normalised: Tensor, drift: Tensor, gain: Tensor) -> Tensor:
    """normalised * gain; the gain's gradient is taken from the stored statistics as well."""
    product = normalised * gain
    if not injected():
        return product
    change = gain - gain.detach()
    return product + drift * torch.where(torch.isfinite(change), change, 0.0)
