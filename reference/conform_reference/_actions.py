"""Robot actions as tokens, and generation restricted to legal tokens."""

import math

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._cross_entropy import softmax_of
from conform_reference.rounding import decide, mark


def _bounds(low: Tensor, high: Tensor, width: int) -> None:
    for name, x in (("low", low), ("high", high)):
        if x.shape != (width,):
            raise ValueError(f"{name}.shape={tuple(x.shape)}: expected ({width},), one a dimension")


def action_tokenize(actions: Tensor, low: Tensor, high: Tensor, *, bins: int = 256) -> Tensor:
    """Number of the nearest of `bins` evenly spaced values from low to high: [...,A] -> int64.

    round((bins - 1) (a - low) / (high - low)), a clipped to [low, high]; low, high[A]. Computed in
    at least float32. Raises ValueError for shapes that do not fit or fewer than 2 bins.
    Source: Brohan et al. 2023, arXiv:2307.15818, section 3.2, and RT-1, arXiv:2212.06817.
    """
    _check.at_least("bins", bins, 2)
    _bounds(low, high, actions.shape[-1])
    dtype = _check.compute_dtype(actions, low, high)
    low, high = low.to(dtype), high.to(dtype)
    place = (bins - 1) * ((actions.to(dtype) - low) / (high - low)).clamp(0, 1)
    numbers = torch.arange(bins, dtype=dtype, device=actions.device)
    return decide("bin", -torch.abs(place.unsqueeze(-1) - numbers))[..., 0]


def action_detokenize(tokens: Tensor, low: Tensor, high: Tensor, *, bins: int = 256) -> Tensor:
    """low + token (high - low) / (bins - 1): int[...,A] -> [...,A] in the dtype of low[A].

    Raises ValueError for shapes that do not fit or fewer than 2 bins. Source: as `action_tokenize`.
    """
    _check.at_least("bins", bins, 2)
    _bounds(low, high, tokens.shape[-1])
    dtype = _check.compute_dtype(low, high)
    span = mark("span", high.to(dtype) - low.to(dtype))
    step = mark("share", tokens.to(dtype) / (bins - 1))
    return (low.to(dtype) + mark("offset", step * span)).to(low.dtype)


def constrained_probabilities(logits: Tensor, allowed: Tensor) -> Tensor:
    """softmax over the allowed tokens alone: logits[B,V], allowed bool[B,V] -> [B,V].

    A token that is not allowed has probability 0; a row that allows nothing gives zeros. Raises
    ValueError for shapes that differ. Source: constrained decoding as in arXiv:2307.15818, 3.2.
    """
    if logits.shape != allowed.shape:
        raise ValueError(
            f"allowed.shape={tuple(allowed.shape)}: expected {tuple(logits.shape)} as for logits"
        )
    scores = torch.where(allowed, logits.to(_check.compute_dtype(logits)), -math.inf)
    return softmax_of(scores).to(logits.dtype)
