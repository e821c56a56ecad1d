"""Softmax, and partial softmaxes that are put together."""

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._attend import drifted, float32_drift, live_maximum
from conform_reference._scores import rounding_error
from conform_reference.rounding import another_order, injected, mark


def softmax(x: Tensor) -> Tensor:
    """exp(x - max x) / sum exp(x - max x) over the last dimension: x[..., N] -> [..., N].

    A row of -inf gives NaN: it has no distribution. Raises ValueError for a scalar.
    Source: Milakov and Gimelshein 2018, arXiv:1805.02867, algorithm 2 (safe softmax).
    """
    if x.dim() == 0:
        raise ValueError("x.dim()=0: expected at least one dimension to sum over; unsqueeze x")
    if x.shape[-1] == 0:
        return x.clone()
    values = x.to(_check.compute_dtype(x))
    maximum = values.detach().amax(-1, keepdim=True)
    live = live_maximum(values, None) if injected() else 0.0
    difference = values - maximum - live
    difference = difference + rounding_error(
        "difference", torch.where(torch.isinf(difference), 0.0, difference)
    )
    # Where one exponential serves both, its gradient is a sum of two, which is stored.
    difference = mark("backward.power", difference)
    # One-pass forms evaluate the exponentials of the sum apart, with roundoff of their own.
    powers, others = (mark("exponentials", torch.exp(difference)) for _ in range(2))
    total = mark("total", others.sum(-1, keepdim=True))
    # Its logarithm is lse less the maximum, whose slope is that of `live`.
    lse = (live + torch.log(total)).squeeze(-1)
    # On the way back a quotient stores what each of its elements adds to the gradient of the total.
    weights = powers / mark("backward.quotient", total.expand(powers.shape))
    return drifted(weights, maximum, x.shape[-1], lambda: lse).to(x.dtype)


def _factor(difference: Tensor) -> Tensor:
    """exp(difference), 0 for -inf."""
    empty = torch.isneginf(difference)
    power = torch.exp(mark("difference", torch.where(empty, 0.0, difference)))
    return mark("factor", torch.where(empty, 0.0, power))


def softmax_merge(m1: Tensor, l1: Tensor, m2: Tensor, l2: Tensor) -> tuple[Tensor, Tensor]:
    """Running maxima m[...] and sums l[...] of two disjoint parts -> (m, l) of both.

    m = max(m1, m2), l = l1 exp(m1 - m) + l2 exp(m2 - m); the empty part is (-inf, 0) and two of
    them merge to it. Results have the promoted dtype of the inputs. Raises ValueError for shapes
    that differ. Source: Milakov and Gimelshein 2018, arXiv:1805.02867, section 3.1.
    """
    for name, x in (("l1", l1), ("m2", m2), ("l2", l2)):
        if x.shape != m1.shape:
            raise ValueError(
                f"{name}.shape={tuple(x.shape)}: expected the shape of m1, {tuple(m1.shape)}"
            )
    out = torch.promote_types(torch.promote_types(m1.dtype, l1.dtype), m2.dtype)
    dtype = _check.compute_dtype(m1, l1, m2, l2)
    m1, l1, m2, l2 = (x.to(dtype) for x in (m1, l1, m2, l2))
    m = torch.maximum(m1, m2)
    reference = torch.where(torch.isneginf(m), 0.0, m)
    factor1, factor2 = _factor(m1 - reference), _factor(m2 - reference)
    total = mark("term", l1 * factor1) + mark("term", l2 * factor2)
    return m.to(out), total.to(out)


def _also_stepwise(o: Tensor, o1: Tensor, lse1: Tensor, o2: Tensor, lse2: Tensor) -> Tensor:
    """`o`, which ring attention evaluates as a step: o1 - sigmoid(lse2 - lse1) (o1 - o2).

    It rounds to the spacing of the part that it sets out from, however little that part weighs.
    """
    empty = [torch.isneginf(lse).unsqueeze(-1) for lse in (lse1, lse2)]
    a, b = (torch.where(gone, 0.0, x.to(o.dtype)) for gone, x in zip(empty, (o1, o2), strict=True))
    step = torch.where(torch.isneginf(lse1), torch.inf, lse2 - lse1).unsqueeze(-1)

    def from_first() -> Tensor:
        return a - torch.sigmoid(step) * (a - b)

    def from_second() -> Tensor:
        return b - torch.sigmoid(-step) * (b - a)

    return another_order(another_order(o, from_first), from_second)


def attention_merge(o1: Tensor, lse1: Tensor, o2: Tensor, lse2: Tensor) -> tuple[Tensor, Tensor]:
    """Two attentions over disjoint keys, o[...,D] and lse[...], -> (o, lse) over all the keys.

    o = (e^lse1 o1 + e^lse2 o2) / (e^lse1 + e^lse2), relative to the larger lse. A part with
    lse = -inf is empty: it has no effect whatever its o. Two empty parts give zeros and -inf.
    o has the dtype of o1, lse is at least float32. Raises ValueError for shapes that do not fit.
    Source: Dao et al. 2022, arXiv:2205.14135, section 3.1.
    """
    for name, x, shape in (("o2", o2, o1.shape), ("lse1", lse1, o1.shape[:-1])):
        if x.shape != shape:
            raise ValueError(f"{name}.shape={tuple(x.shape)}: expected {tuple(shape)} as for o1")
    if lse2.shape != lse1.shape:
        raise ValueError(f"lse2.shape={tuple(lse2.shape)}: expected {tuple(lse1.shape)}")
    dtype = _check.compute_dtype(o1, lse1, o2, lse2)
    first, second = lse1.to(dtype), lse2.to(dtype)
    m = torch.maximum(first, second).detach()
    reference = torch.where(torch.isneginf(m), 0.0, m)
    weight1, weight2 = torch.exp(first - reference), torch.exp(second - reference)
    total = weight1 + weight2
    divisor = torch.where(total > 0, total, 1.0)
    terms = [
        torch.where((w > 0).unsqueeze(-1), o.to(dtype), 0.0) * w.unsqueeze(-1)
        for o, w in ((o1, weight1), (o2, weight2))
    ]
    o = _also_stepwise((terms[0] + terms[1]) / divisor.unsqueeze(-1), o1, first, o2, second)
    lse = torch.where(total > 0, m + torch.log(divisor), -torch.inf)
    # Weights are also taken as exp(lse1 - lse), from the float32 number that lse is.
    return (o * float32_drift(lse.detach(), 2).unsqueeze(-1)).to(o1.dtype), lse
