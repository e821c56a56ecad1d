"""Uniform quantisation, and moving outliers from activations to weights before it."""

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference.rounding import decide, mark


def _levels(bits: int, signed: bool) -> tuple[int, int]:
    """Smallest and largest code."""
    _check.at_least("bits", bits, 1)
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)


def affine_parameters(low: float, high: float, *, bits: int = 8) -> tuple[float, int]:
    """(scale, zero point) of unsigned codes 0..2^bits - 1 for values in [low, high].

    The range is widened to hold 0, which code `zero point` stands for exactly:
    scale = (high - low) / (2^bits - 1), zero point = round(-low / scale). Raises ValueError for an
    empty range. Source: Jacob et al. 2017, arXiv:1712.05877, section 2.1.
    """
    least, most = _levels(bits, signed=False)
    low, high = min(low, 0.0), max(high, 0.0)
    if not high > low:
        raise ValueError(f"low={low}, high={high}: expected low < high once 0 is included")
    scale = (high - low) / most
    return scale, min(max(round(-low / scale), least), most)


def uniform_quantize(
    x: Tensor, *, scale: float, zero_point: int = 0, bits: int = 8, signed: bool = True
) -> tuple[Tensor, Tensor]:
    """(codes, values): codes = clip(round(x / scale) + zero_point), values = scale (codes - zero).

    x[...] -> int64[...], [...]. Codes are -2^(bits-1)..2^(bits-1)-1, or 0..2^bits-1 unsigned.
    The gradient of the values is that of x inside of the range and 0 where x was clipped (straight
    through). Computed in at least float32. Raises ValueError for a scale that is not positive.
    Source: Jacob et al. 2017, arXiv:1712.05877, eq. 1 and 12; gradient: Bengio et al. 2013.
    """
    if not scale > 0:
        raise ValueError(f"scale={scale!r}: expected a positive number")
    least, most = _levels(bits, signed)
    y = x.to(_check.compute_dtype(x))
    place = y / scale + zero_point
    known = torch.arange(least, most + 1, dtype=y.dtype, device=x.device)
    # Far out every level is about as near, and the end is taken all the same.
    bounded = place.detach().clamp(least - 1, most + 1)
    nearest = decide("level", -torch.abs(bounded.unsqueeze(-1) - known))[..., 0]
    codes = nearest + least
    values = scale * (codes - zero_point).to(y.dtype)
    inside = (place.detach() >= least - 0.5) & (place.detach() <= most + 0.5)
    through = torch.where(inside, y, 0.0)
    return codes, (values + (through - through.detach())).to(x.dtype)


def smooth_quant(x: Tensor, W: Tensor, *, alpha: float = 0.5) -> tuple[Tensor, Tensor]:
    """(x / s, s W), whose product is x W: s_j = max|x_j|^alpha / max|W_j|^(1 - alpha).

    x[T,C], W[C,O]; maxima of channel j over tokens and over outputs. A channel of zeros gives NaN.
    Raises ValueError for widths that differ. Source: Xiao et al. 2022, arXiv:2211.10438, eq. 3, 4.
    """
    _check.rank("x", x, "T C")
    _check.rank("W", W, "C O")
    _check.same("width", "x.shape[1]", x.shape[1], "W.shape[0]", W.shape[0])
    _check.not_empty("T", x.shape[0])
    _check.not_empty("O", W.shape[1])
    dtype = _check.compute_dtype(x, W)
    a, w = x.to(dtype), W.to(dtype)
    of_x = mark("power", torch.amax(torch.abs(a), 0) ** alpha)
    of_w = mark("power", torch.amax(torch.abs(w), 1) ** (1 - alpha))
    s = mark("smoothing", of_x / of_w)
    return (a / s).to(x.dtype), (s.unsqueeze(1) * w).to(W.dtype)
