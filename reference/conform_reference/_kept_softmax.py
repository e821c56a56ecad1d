"""A softmax whose slope is taken from its (marked) result, which frameworks keep for that."""

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._attend import float32_drift
from conform_reference.rounding import mark


def slope_from(kept: Tensor, scores: Tensor, name: str | None = None) -> Tensor:
    """Zero, with the slope p (ds - sum p ds) of the softmax p = `kept` over the last dimension.

    Where p is rounded, so is its slope. Scores of -inf have none. `name` marks what comes back
    to the scores.
    """
    finite = torch.where(torch.isneginf(scores), 0.0, scores)
    change = finite - finite.detach()  # zero, with slope one
    if name is not None:
        change = mark(name, change)
    p = kept.detach()
    return p * (change - torch.sum(p * change, dim=-1, keepdim=True))


def kept_softmax(name: str, scores: Tensor) -> Tensor:
    """softmax over the last dimension, marked `name`, its slope from the marked result."""
    _check.not_empty("number of scores", scores.shape[-1])
    maximum = scores.detach().amax(-1, keepdim=True)
    exponentials = torch.exp(scores.detach() - maximum)
    p = exponentials / exponentials.sum(-1, keepdim=True)
    p = mark(name, p * float32_drift(maximum))
    return mark(name, p + slope_from(p, scores))
