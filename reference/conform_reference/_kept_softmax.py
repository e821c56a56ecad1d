"""A softmax whose slope is taken from its (marked) result, which frameworks keep for that."""

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._attend import float32_drift, live_maximum
from conform_reference.rounding import injected, mark


def slope_from(kept: Tensor, scores: Tensor, name: str | None = None) -> Tensor:
    """Zero, with the slope p (ds - sum p ds) of the softmax p = `kept` over the last dimension.

    Where p is rounded, so is its slope, and what of it flows back through a maximum that is not
    detached. Scores of -inf have none. `name` marks what comes back to the scores.
    """
    finite = torch.where(torch.isneginf(scores), 0.0, scores)
    if injected():
        finite = finite - live_maximum(scores, None)
    change = finite - finite.detach()  # zero, with slope one
    if name is not None:
        change = mark(name, change)
    p = kept.detach()
    # Where a softmax is written out, what flows back to its sum is stored as well.
    mean_change = mark("backward.softmax_total", torch.sum(p * change, dim=-1, keepdim=True))
    return p * (change - mean_change)


def shares(scores: Tensor) -> Tensor:
    """softmax over the last dimension, without a slope; eager code may store each of its steps."""
    _check.not_empty("number of scores", scores.shape[-1])
    maximum = scores.detach().amax(-1, keepdim=True)
    difference = scores.detach() - maximum
    finite = torch.where(torch.isinf(difference), 0.0, difference)
    difference = difference + (mark("softmax_difference", finite) - finite)
    exponentials = mark("softmax_exponentials", torch.exp(difference))
    total = mark("softmax_total", exponentials.sum(-1, keepdim=True))
    return exponentials / total * float32_drift(maximum, scores.shape[-1])


def kept_softmax(name: str, scores: Tensor) -> Tensor:
    """softmax over the last dimension, marked `name`, its slope from the marked result."""
    p = mark(name, shares(scores))
    return mark(name, p + slope_from(p, scores, "backward.softmax_scores"))
