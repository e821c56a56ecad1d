"""DoRA: a weight as magnitude times direction, where only the direction gets a low-rank update."""

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._lora_linear import factors, reads
from conform_reference._scores import rounding_error
from conform_reference._settings_lora import settings
from conform_reference.rounding import another_order, mark


def _ratio(direction: Tensor, magnitude: Tensor) -> Tensor:
    """magnitude / norm of each output's row (each input's column under `per_input`)."""
    axis = 0 if settings().dora_norm == "per_input" else 1
    lengths = direction.shape[1 - axis]
    if tuple(magnitude.shape) != (lengths,):
        raise ValueError(
            f"magnitude.shape={tuple(magnitude.shape)}: expected {(lengths,)}, one for each "
            f"{'input' if axis == 0 else 'output'}; norm W0 + s B A over the other axis"
        )
    square = direction.square().sum(axis)
    norm = torch.where(square > 0, torch.sqrt(torch.where(square > 0, square, 1.0)), 1.0)
    norm = mark("norm", norm)
    if settings().dora_gradient == "detached":
        norm = norm.detach()
    return mark("ratio", magnitude / (norm + settings().dora_norm_eps))


def _direction(W0: Tensor, A: Tensor, B: Tensor, scaling: float) -> Tensor:
    """V = W0 + scaling B A; the terms of the product may be added to W0 one by one."""
    scaled = mark("scaled_delta", scaling * mark("delta", B @ A))
    base = W0 + A.shape[0] ** 0.5 * rounding_error("float32.base", W0)
    return mark("direction", base + scaled + rounding_error("scaled_factor", scaling * B) @ A)


def _factor(ratio: Tensor) -> Tensor:
    """The ratio as it scales V[out, in]."""
    return ratio if settings().dora_norm == "per_input" else ratio.unsqueeze(1)


def _weight_error(direction: Tensor, ratio: Tensor, frozen: Tensor) -> Tensor:
    """What is lost where the whole weight, ratio * V, or its gain is formed in the mark's dtype."""
    weight = _factor(ratio) * direction
    error = rounding_error("unit", weight) + rounding_error("weight", weight)
    error = error + rounding_error("weight_gain", weight - frozen)
    return error + _factor(ratio) * rounding_error("direction", direction)


def dora_linear(
    x: Tensor, W0: Tensor, A: Tensor, B: Tensor, magnitude: Tensor, *, alpha: float
) -> Tensor:
    """x (magnitude * V / ||V||)^T, V = W0 + (alpha / r) B A, the norm over `in` for each output.

    x[..., in], W0[out, in], A[r, in], B[out, r], magnitude[out] -> [..., out]; an output whose V is
    zero gives zero. Raises ValueError for shapes that do not fit. Source: Liu et al. 2024,
    arXiv:2402.09353, eq. 5; there W0 is [in, out], so that the norm of its columns is this one.
    """
    rank = factors(A, B, tuple(W0.shape))
    reads(x, A)
    dtype = _check.compute_dtype(x, W0, A, B, magnitude)
    y, W, a, b = (t.to(dtype) for t in (x, W0, A, B))
    direction = _direction(W, a, b, alpha / rank)
    ratio = _ratio(direction, magnitude.to(dtype))
    whole, given = y @ _weight_error(direction, ratio, W).T, y
    gain = _factor(ratio) * direction - W
    if settings().dora_norm == "per_input":
        y, ratio = mark("scaled_input", y * ratio), torch.ones_like(ratio[:1])
    else:
        whole = whole + ratio * rounding_error("product", y @ direction.T)
    base = mark("base", mark("backward.base_input", y) @ W.T)
    update = mark("update", mark("inner", y @ a.T) @ b.T)
    # As the authors' code has it: what DoRA adds to the frozen layer's own result.
    more = mark("base_part", mark("ratio_less_one", ratio - 1) * base)
    more = more + mark("scaled", alpha / rank * mark("update_part", ratio * update))
    out = base + mark("more", more)
    # LyCORIS adds x (ratio * V - W0)^T to the frozen layer's result: two sums that may cancel.
    out = another_order(out, lambda: given @ W.T + mark("more", given @ gain.T))
    return (out + whole).to(x.dtype)


def dora_merge(W0: Tensor, A: Tensor, B: Tensor, magnitude: Tensor, *, alpha: float) -> Tensor:
    """magnitude * V / ||V|| -> [out, in], V = W0 + (alpha / r) B A: the weight of dora_linear.

    Raises ValueError for shapes that do not fit. Source: arXiv:2402.09353, eq. 5.
    """
    rank = factors(A, B, tuple(W0.shape))
    dtype = _check.compute_dtype(W0, A, B, magnitude)
    direction = _direction(*(t.to(dtype) for t in (W0, A, B)), alpha / rank)
    ratio = _ratio(direction, magnitude.to(dtype))
    over_inputs = settings().dora_norm == "per_input"
    return (direction * (ratio if over_inputs else ratio.unsqueeze(1))).to(W0.dtype)
