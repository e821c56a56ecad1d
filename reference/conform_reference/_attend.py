"""The core of attention, in the order in which FlashAttention's backward pass sees it."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._masks import visibility
from conform_reference._saved import saved_sigmoid, tanh
from conform_reference._settings import settings
from conform_reference.rounding import either_way, injected, mark, unless_doubtful

LARGEST_BESIDE_FILLS = 1e8


class Partial(NamedTuple):
    """Unnormalised attention: exp(score - maximum), row maximum, row sum (sink included).

    The maximum's slope is that of `live`, which is zero. `lag` is what a score changes by when it
    is evaluated again on the way back: zero but for roundoff.
    """

    exponentials: Tensor
    maximum: Tensor
    total: Tensor
    live: Tensor | float = 0.0
    lag: Tensor | float = 0.0


def expand_heads(x: Tensor, heads: int) -> Tensor:
    """[B,K,L,D] -> [B,H,L,D]: query head h reads head h // (H // K) (or h % K where tiled)."""
    B, K, L, D = x.shape
    _check.divides("K", K, "H", heads)
    group = 2 if settings().heads == "consecutive" else 1
    repeated = x.unsqueeze(group)
    shape = list(repeated.shape)
    shape[group] = heads // K
    return repeated.expand(shape).reshape(B, heads, L, D)


def check_inputs(q: Tensor, k: Tensor, v: Tensor) -> None:
    """q[B,H,Lq,D], k[B,K,Lk,D], v[B,K,Lk,Dv] must fit together; ValueError otherwise."""
    _check.rank("q", q, "B H Lq D")
    _check.rank("k", k, "B K Lk D")
    _check.rank("v", v, "B K Lk Dv")
    _check.same("batch size", "q.shape[0]", q.shape[0], "k.shape[0]", k.shape[0])
    _check.same("batch size", "k.shape[0]", k.shape[0], "v.shape[0]", v.shape[0])
    _check.same("number of heads", "k.shape[1]", k.shape[1], "v.shape[1]", v.shape[1])
    _check.same("number of keys", "k.shape[2]", k.shape[2], "v.shape[2]", v.shape[2])
    _check.same("head size", "q.shape[3]", q.shape[3], "k.shape[3]", k.shape[3])
    _check.divides("K", k.shape[1], "H", q.shape[1])
    _check.not_empty("D", q.shape[3])


def visible_keys(
    q: Tensor, k: Tensor, causal: bool, window: int | None, mask: Tensor | None
) -> Tensor:
    """bool[B,H,Lq,Lk] from all that hides keys."""
    shape = (q.shape[0], q.shape[1], q.shape[2], k.shape[2])
    visible = visibility(shape[2], shape[3], causal, window, q.device)
    if mask is not None:
        if mask.dtype != torch.bool:
            raise ValueError(f"mask.dtype={mask.dtype}: expected bool; pass floats as bias")
        visible = visible & _check.broadcasts("mask", mask, shape)
    return torch.broadcast_to(visible, shape)


def logits(
    q: Tensor, k: Tensor, *, bias: Tensor | None, scale: float | None, softcap: float | None
) -> Tensor:
    """[B,H,Lq,Lk]: scale * q.k, capped, plus bias. q and k have equally many heads here."""
    _check.not_empty("D", q.shape[-1])
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    scores = mark("scaled_query", q * scale) @ k.transpose(-1, -2)
    if scale:
        # Stored before they are scaled, where float16 overflows first; a hidden key's overflow
        # spoils its row as well where masks are added (infinity minus the largest number).
        products = scores / scale
        error = (mark("scores", products) - products) * scale
        scores = scores + error + (error * 0).sum(-1, keepdim=True)
    if softcap is not None:
        if softcap <= 0:
            raise ValueError(f"softcap={softcap}: expected a positive number, or None for no cap")
        scores = softcap * tanh("softcapped", mark("softcap_inner", scores / softcap))
    if bias is not None:
        scores = scores + _check.broadcasts("bias", bias, tuple(scores.shape)).to(scores.dtype)
    return mark("logits", scores)


def live_maximum(scores: Tensor, sinks: Tensor | None) -> Tensor:
    """Zero, with slope minus one in the largest score (or sink) of a row.

    A softmax does not depend on what it subtracts, and its gradients sum to zero until they are
    rounded. Where the maximum is not detached, as in softmaxes written out, the sum of their
    roundings flows back to its place; of several that are equal (or may be) to any of them. (With
    either sign: it must not cancel what is rounded where the maximum is detached.)
    """
    row = scores if sinks is None else torch.cat([scores, sinks.expand(*scores.shape[:-1], 1)], -1)
    if not row.shape[-1]:
        return torch.zeros_like(row.sum(-1, keepdim=True))
    places = (row.detach() >= row.detach().amax(-1, keepdim=True)) & torch.isfinite(row)
    top = torch.where(places, row, 0.0).sum(-1, keepdim=True)
    return either_way(top.detach() - top)


def _differences_stored(scores: Tensor, visible: Tensor, maximum: Tensor, live: Tensor) -> Tensor:
    """The scores, with what storing score - maximum in the mark's dtype adds."""
    difference = torch.where(visible, scores - maximum - live, 0.0)
    stored = mark("differences", difference)
    return scores if stored is difference else scores + (stored - difference)


def _beyond_fills(scores: Tensor, visible: Tensor) -> Tensor:
    """The rows of which nothing can be said, bool[..., Lq, 1].

    Hidden scores are often filled with -1e9, or have it added: that hides nothing among scores
    which are about as large.
    """
    if not scores.shape[-1]:
        return torch.zeros_like(scores.sum(-1, keepdim=True), dtype=torch.bool)
    largest = torch.where(torch.isinf(scores), 0.0, scores).detach().abs().amax(-1, keepdim=True)
    return (largest > LARGEST_BESIDE_FILLS) & ~visible.all(-1, keepdim=True)


def beyond_range(q: Tensor, keys: Tensor) -> Tensor | None:
    """Rows in which a product of q[...,Lq,D] with any of the keys leaves the range of the dtype
    that products are stored in, bool[...,Lq,1]; None where they are not stored.

    Where masks are added, infinity beside a mask is infinity still: such a row is spoilt whether
    or not the key is visible, and if none of its keys is.
    """
    probe = q[..., :0]
    if not injected() or not keys.shape[-2] or mark("scores", probe) is probe:
        return None
    products = q.detach() @ torch.where(torch.isfinite(keys), keys, 0.0).detach().transpose(-1, -2)
    lost = torch.isnan(mark("scores", products)) & ~torch.isnan(products)
    return lost.any(-1, keepdim=True)


def exponentiate(
    scores: Tensor, visible: Tensor, sinks: Tensor | None = None, spoilt: Tensor | None = None
) -> Partial:
    """exp of the visible scores relative to their row's maximum; a row without any has sum 0.

    Of the rows that are `spoilt` nothing can be said.
    """
    beyond = _beyond_fills(scores, visible)
    beyond = beyond if spoilt is None else beyond | spoilt
    scores = torch.where(visible, scores, -math.inf)
    maximum = scores.detach().amax(-1, keepdim=True) if scores.shape[-1] else None
    if maximum is None:
        maximum = scores.detach().sum(-1, keepdim=True) - math.inf
    if sinks is not None:
        if sinks.shape != scores.shape[1:2]:
            raise ValueError(
                f"sinks.shape={tuple(sinks.shape)}: expected ({scores.shape[1]},), one per head"
            )
        sinks = sinks.to(scores.dtype).reshape(1, -1, 1, 1)
        maximum = torch.maximum(maximum, sinks.detach())
    # -inf - (-inf) is NaN: a row without visible keys is taken relative to 0.
    reference = torch.where(torch.isneginf(maximum), 0.0, maximum)
    live: Tensor | float = 0.0
    if injected():
        live = live_maximum(scores, sinks)
        scores = _differences_stored(scores, visible, reference, live)
    scores = unless_doubtful(scores, beyond)
    # (Two steps: the maximum itself must not be rounded, or large scores come to lie above it.)
    exponentials = mark("softmax_exponentials", torch.exp(scores - reference - live))
    # Online forms evaluate the exponentials of the sum apart, with roundoff of their own.
    others = mark("exponentials", torch.exp(scores - reference - live))
    total = others.sum(-1, keepdim=True)
    if sinks is not None:
        total = total + torch.exp(sinks - reference - live)
    total = mark("softmax_total", total)
    return Partial(exponentials, maximum, total, live)


def log_sum_exp(partial: Partial) -> Tensor:
    """[..., Lq]: log of the denominator; -inf where it is empty, with zero gradient there."""
    some = ~(partial.total <= 0)  # NaN stays NaN
    log = torch.log(torch.where(some, partial.total, 1.0)) + partial.live
    return torch.where(some, partial.maximum + log, -math.inf).squeeze(-1)


def float32_drift(maximum: Tensor, count: int) -> Tensor:
    """1; where the mark rounds, what exp(score - lse) loses when both are held in float32.

    At most `count`: each of so many weights comes out as 1 where lse is no more than the maximum.
    (Or e: from there on no digit is left to judge.)
    """
    held = torch.where(torch.isinf(maximum), 0.0, maximum)
    lost = 2 * (mark("float32.maximum", held) - held)
    return torch.exp(torch.clamp(lost, max=max(1.0, math.log(max(count, 1))))).detach()


def evaluated_again(
    q: Tensor, k: Tensor, top: Tensor, *, scale: float | None = None, softcap: float | None = None
) -> Tensor | float:
    """[B,H,Lq,1]: what two evaluations of a row's largest score differ by; nothing but roundoff.

    q[B,H,Lq,D], k[B,H,Lk,D], top: int[B,H,Lq], the key of that score. The way back evaluates the
    scores again, its sums in another order, and takes the log-sum-exp of the way there from them.
    """
    if not injected() or not k.shape[-2]:
        return 0.0
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    index = top.unsqueeze(-1).expand(*top.shape, k.shape[-1])
    chosen = torch.gather(k.detach(), 2, index).unsqueeze(-1)

    def once() -> Tensor:
        score = ((q.detach() * scale).unsqueeze(-2) @ chosen).squeeze(-1)
        return score if softcap is None else softcap * torch.tanh(score / softcap)

    lag = once() - once()
    return torch.where(torch.isfinite(lag), lag, 0.0)


def _drift_there_and_back(
    maximum: Tensor, lag: Tensor | float, count: int
) -> tuple[Tensor, Tensor]:
    """`float32_drift` of the weights, and of those that the way back makes anew."""
    drift = float32_drift(maximum, count)
    if not isinstance(lag, Tensor):
        return drift, drift
    return drift, drift * torch.exp(torch.clamp(lag, max=1.0))


def reported_log_sum_exp(partial: Partial) -> Tensor:
    """log_sum_exp, its slope the weights exp(score - lse) as they come out in float32."""
    lse = log_sum_exp(partial)
    if not injected():
        return lse
    change = lse - lse.detach()
    count = partial.exponentials.shape[-1]
    drift = _drift_there_and_back(partial.maximum, partial.lag, count)[1].squeeze(-1)
    usual = torch.isfinite(change) & torch.isfinite(drift)
    return lse + torch.where(usual, change, 0.0) * torch.where(usual, drift - 1, 0.0)


def drifted(
    y: Tensor, maximum: Tensor, count: int, lse: Callable[[], Tensor], lag: Tensor | float = 0.0
) -> Tensor:
    """y[..., n] of `count` normalised weights, as exp(score - lse[...]) give it in float32.

    Their sum is 1 + drift, not 1, so that the differences of their gradient do not cancel either.
    """
    drift, back = _drift_there_and_back(maximum, lag, count)
    if not injected():
        return y * drift
    normaliser = lse().unsqueeze(-1)
    change = normaliser - normaliser.detach()
    usual = torch.isfinite(change) & torch.isfinite(back) & torch.isfinite(y.detach())
    change = torch.where(usual, change, 0.0) * torch.where(torch.isfinite(back), back - 1, 0.0)
    there = y * drift
    if back is not drift:
        slope = torch.where(usual, y - y.detach(), 0.0)
        there = there + slope * torch.where(torch.isfinite(back), back - drift, 0.0)
    return there - change * torch.where(usual, y.detach(), 0.0)


def stored_probabilities(exponentials: Tensor, total: Tensor) -> Tensor:
    """The exponentials as they are after their quotients by `total` were stored in the mark's
    dtype (in float16 these may be subnormal); the stored ones also enter the backward pass."""
    weights = exponentials / total.detach()
    stored = mark("probabilities", weights).detach()
    ratio = torch.where(weights == 0, 1.0, stored / torch.where(weights == 0, 1.0, weights))
    return mark("backward.probabilities", weights * ratio.detach()) * total.detach()


def _total_of_stored(stored: Tensor, partial: Partial) -> Tensor:
    """The total, its slope also that of the `stored` exponentials.

    A softmax kept in float16 has no slope at all where its result came out as zero.
    """
    if not injected():
        return partial.total
    lost = stored - partial.exponentials
    slope = torch.where(torch.isfinite(lost.detach()), lost - lost.detach(), 0.0)
    return partial.total + either_way(slope.sum(-1, keepdim=True))


def divisor(partial: Partial) -> Tensor:
    """The total; 1 where it is empty, NaN where it is NaN."""
    return torch.where(partial.total <= 0, 1.0, partial.total)


def _share_of_keys(partial: Partial, sinks: Tensor) -> Tensor:
    """1, [B,H,Lq,1], with the roundoff of the share that a sink leaves to the keys, where a softmax
    without sinks is scaled by it: sigmoid(lse - sink), its slope taken from its result.

    Eager code stores the log-sum-exp and its difference from the sink in the mark's dtype.
    """
    if not injected():
        return torch.ones_like(partial.total)
    sinks = sinks.to(partial.total.dtype).reshape(1, -1, 1, 1)
    keys = partial.exponentials.sum(-1, keepdim=True)
    usual = torch.isfinite(keys) & (keys > 0) & torch.isfinite(sinks)
    lse = torch.log(torch.where(usual, keys, 1.0)) + torch.where(usual, partial.maximum, 0.0)
    against = torch.where(usual, sinks, 0.0)
    share = torch.sigmoid(lse - against)
    kept = saved_sigmoid("float32.share", mark("differences", mark("differences", lse) - against))
    usual = usual & (share.detach() > 0)
    return torch.where(usual, mark("softmax_total", kept) / torch.where(usual, share, 1.0), 1.0)


def finished(sums: Tensor, partial: Partial, mean: Callable[[], Tensor]) -> Tensor:
    """Normalised sums; an empty row gives zeros, or what the convention says (`mean`: of v)."""
    empty = partial.total <= 0
    count = partial.exponentials.shape[-1]
    sums = drifted(sums, partial.maximum, count, lambda: log_sum_exp(partial), partial.lag)
    if settings().empty_rows == "mean_of_values":
        return torch.where(empty, mean(), sums)
    return torch.where(empty, math.nan if settings().empty_rows == "nan" else 0.0, sums)


def normalise(numerator: Tensor, partial: Partial, mean: Callable[[], Tensor]) -> Tensor:
    """numerator / total, empty rows as in `finished`."""
    return finished(numerator / divisor(partial), partial, mean)


def _mean_of_values(v: Tensor, partial: Partial) -> Tensor:
    """Equal weights on all keys, rounded like any probabilities: [B,H,Lq,Lk] @ v[B,H,Lk,Dv]."""
    equal = torch.ones_like(partial.exponentials) / max(1, v.shape[-2])
    return mark("probabilities", equal) @ v


def attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    visible: Tensor,
    bias: Tensor | None = None,
    scale: float | None = None,
    softcap: float | None = None,
    sinks: Tensor | None = None,
    overflowed: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """(o[B,H,Lq,Dv], lse[B,H,Lq]) in at least float32; visible: bool[B,H,Lq,Lk].

    overflowed: bool[B,H,Lq,1], the rows of which nothing can be said.
    """
    dtype = _check.compute_dtype(q, k, v)
    q = q.to(dtype)
    # Their gradients may be stored head by head before a group's are added up.
    k = mark("backward.head_keys", expand_heads(k.to(dtype), q.shape[1]))
    v = mark("backward.head_values", expand_heads(v.to(dtype), q.shape[1]))
    # A key that no query sees has no effect whatever lies there, not even NaN (0 * NaN = NaN).
    seen = visible.any(-2).unsqueeze(-1)
    spoilt = beyond_range(q, k)
    if overflowed is not None:
        spoilt = overflowed if spoilt is None else overflowed | spoilt
    k, values = torch.where(seen, k.to(dtype), 0.0), torch.where(seen, v.to(dtype), 0.0)
    scores = logits(q, k, bias=bias, scale=scale, softcap=softcap)
    partial = exponentiate(scores, visible, sinks, spoilt)
    if injected() and k.shape[2]:
        top = torch.where(visible, scores.detach(), -math.inf).argmax(-1)
        partial = partial._replace(lag=evaluated_again(q, k, top, scale=scale, softcap=softcap))
    exponentials = stored_probabilities(partial.exponentials, divisor(partial))
    numerator = mark("accumulator", exponentials @ values)
    kept = partial._replace(total=_total_of_stored(exponentials, partial))
    o = normalise(numerator, kept, lambda: _mean_of_values(v.to(dtype), partial))
    if sinks is not None:
        o = o * _share_of_keys(partial, sinks)
    return o, reported_log_sum_exp(partial)
