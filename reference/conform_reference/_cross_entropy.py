"""Log-softmax and log-sigmoid as frameworks differentiate them, and unit vectors."""

from collections.abc import Callable

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._attend import float32_drift, live_maximum
from conform_reference._kept_softmax import slope_from
from conform_reference._scores import rounding_error
from conform_reference.rounding import another_order, either_way, injected, mark


def log_softmax(scores: Tensor, dim: int) -> Tensor:
    """scores - log sum exp scores over `dim`.

    Its slope is taken from the (marked) result, as frameworks do, which keep it for the backward
    pass: with p = exp(result), d result = d scores - sum p d scores. As p is rounded, some of that
    flows back through a maximum that is not detached.
    """
    _check.not_empty("number of classes", scores.shape[dim])
    top = torch.amax(scores.detach(), dim=dim, keepdim=True)
    mass = mark("normaliser", torch.sum(torch.exp(scores - top), dim=dim, keepdim=True))
    total = mark("normaliser", top + torch.log(mass))
    kept = mark("log_probabilities", scores - total).detach()
    live = torch.where(torch.isneginf(scores.detach()), 0.0, scores)  # what is ruled out stays so
    change = live - live.detach()  # zero, with slope one
    if injected():
        change = change - live_maximum(scores.movedim(dim, -1), None).movedim(-1, dim)
    mean_change = torch.sum(torch.exp(kept) * change, dim=dim, keepdim=True)
    return mark("log_probabilities", kept + change - mean_change)


def slope_made_anew(scores: Tensor, products: Callable[[], Tensor], dim: int) -> Tensor:
    """Zero, summed over `dim`; its slope is what weights exp(score - lse) have besides softmax's
    where kernels evaluate the scores (as `products()`) again on the way back.

    The log-sum-exp they are held against is of the way there, so that not even a winner has 1.
    """
    lag = (products() - products()).detach()
    weights = torch.softmax(scores.detach(), dim) * torch.expm1(torch.clamp(lag, max=1.0))
    usual = torch.isfinite(weights) & torch.isfinite(scores.detach())
    change = torch.where(usual, scores - scores.detach(), 0.0)
    return torch.sum(torch.where(usual, weights, 0.0) * change, dim=dim)


def log_sigmoid(x: Tensor) -> Tensor:
    """-log(1 + exp(-x)) without overflow; its slope sigmoid(-x)."""

    def directly(x: Tensor) -> Tensor:
        # (|x| with a slope at 0: with that of torch.abs, which is 0, the sum's would be twice as
        # large as it is.)
        small = mark("small", torch.exp(-torch.where(x > 0, x, -x)))
        return mark("log_sigmoid", torch.clamp(x, max=0.0) - torch.log1p(small))

    # Binary cross-entropy evaluates it as x + log sigmoid(-x) where the label is zero.
    y = another_order(directly(x), lambda: x + directly(-x))
    # Binary cross-entropy takes the slope as 1 - sigmoid(x), whose roundoff is that of 1.
    error = rounding_error("float32.sigmoid", torch.sigmoid(x)).detach()
    if injected():
        # torch's softplus(-x) is -x itself beyond 20, in float64 too; what it leaves out there
        # is less than float32's roundoff of the rest.
        tail = torch.where(x < -20.0, torch.exp(x.detach()), 0.0)
        y = y + either_way(tail * (1.0 + x - x.detach()))
    return y + error * (x - x.detach())


def softmax_of(scores: Tensor) -> Tensor:
    """softmax over the last dimension; scores of -inf get 0, a row of them zeros.

    Its slope is taken from the (marked) result.
    """
    _check.not_empty("number of classes", scores.shape[-1])
    top = torch.amax(scores.detach(), dim=-1, keepdim=True)
    shifted = mark("shifted", scores - torch.where(torch.isneginf(top), 0.0, top))
    exponentials = mark("exponentials", torch.exp(shifted))
    total = torch.sum(exponentials, dim=-1, keepdim=True)
    weights = (
        exponentials / torch.where(total > 0, total, 1.0) * float32_drift(top, scores.shape[-1])
    )
    kept = mark("probabilities", weights).detach()
    return mark("probabilities", kept + slope_from(kept, scores))


def unit(x: Tensor) -> Tensor:
    """x / ||x|| over the last dimension; a zero vector has no direction (NaN).

    On the way back eager code stores x / ||x||^2, which the gradient is multiplied by for that of
    the length; in rows of equal numbers its roundings do not average out. What flows back directly
    and what does by the length are tensors of their own there, either of which may overflow.
    """
    by_length = mark("backward.unit", x)
    length = mark("length", torch.sqrt(torch.sum(by_length * by_length, dim=-1, keepdim=True)))
    if not injected():
        return mark("unit", x / length)
    rate = mark("rate", mark("rate", x / length) / length).detach()
    direct = mark("backward.unit", x)
    change = mark("backward.unit", (length - length.detach()).expand_as(x))
    return mark("unit", direct / length.detach() - change * rate)
