"""Which token goes to which expert: token choice, expert choice, and who is dropped."""

import math
from fractions import Fraction

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._attend import float32_drift
from conform_reference._kept_softmax import slope_from
from conform_reference._routing_rules import rules
from conform_reference.rounding import decide, mark


def expert_capacity(
    tokens: int, experts: int, capacity_factor: float, *, top_k: int = 1
) -> int:  # fmt: skip
    """ceil(tokens / experts * capacity_factor), in exact arithmetic on the float given.

    `top_k` has no effect unless capacity is declared to count assignments instead of tokens.
    Raises ValueError for sizes below 1 and factors that are not positive and finite.
    Source: Fedus et al. 2021, arXiv:2101.03961, eq. 3; the rounding is the contract's.
    """
    _check.at_least("tokens", tokens, 1)
    _check.at_least("experts", experts, 1)
    _check.at_least("top_k", top_k, 1)
    if not 0 < capacity_factor < math.inf:
        raise ValueError(
            f"capacity_factor={capacity_factor!r}: expected a positive finite number; "
            f"a factor of 1 holds the tokens of an even load"
        )
    counted = tokens * top_k if rules().counts == "assignments" else tokens
    slots = Fraction(counted, experts) * Fraction(capacity_factor)
    return math.ceil(slots) if rules().rounding == "ceil" else math.floor(slots)


def kept_softmax(logits: Tensor, keep: Tensor | None = None) -> Tensor:
    """Softmax over the last dimension, among the entries to `keep`; the others get zero.

    Its slope is taken from the (marked) result, which frameworks keep for the backward pass.
    """
    _check.not_empty("number of experts", logits.shape[-1])
    shown = logits if keep is None else torch.where(keep, logits, -math.inf)
    maximum = shown.amax(-1, keepdim=True)
    shifted = mark("shifted_logits", shown - maximum)
    drift = float32_drift(maximum.detach(), logits.shape[-1])
    kept = mark("probabilities", torch.softmax(shifted, -1) * drift).detach()
    return mark("backward.probabilities", kept + slope_from(kept, shown, "backward.logits"))


def probabilities(x: Tensor, Wg: Tensor) -> Tensor:
    """softmax(x Wg) over the experts: x[T,E], Wg[E,N] -> [T,N] in the compute dtype."""
    _check.rank("x", x, "T E")
    _check.rank("Wg", Wg, "E N")
    _check.same("width", "x.shape[1]", x.shape[1], "Wg.shape[0]", Wg.shape[0])
    dtype = _check.compute_dtype(x, Wg)
    logits = mark("logits", x.to(dtype) @ Wg.to(dtype))
    return kept_softmax(logits)


def choose_experts(probs: Tensor, top_k: int, *, ordered: bool = True) -> tuple[Tensor, Tensor]:
    """The `top_k` experts of each token and their weights: [T,N] -> int64[T,top_k], [T,top_k]."""
    _check.at_least("top_k", top_k, 1)
    if top_k > probs.shape[1]:
        raise ValueError(
            f"top_k={top_k}, experts={probs.shape[1]}: expected top_k of at most the number of "
            f"experts; lower top_k"
        )
    indices = decide("expert", probs, top_k, ordered=ordered)
    weights = torch.gather(probs, 1, indices)
    if rules().renormalize:
        weights = weights / mark("weight_sum", weights.sum(-1, keepdim=True))
    return indices, weights


def router(x: Tensor, Wg: Tensor, *, top_k: int = 1) -> tuple[Tensor, Tensor]:
    """p = softmax(x Wg), then the `top_k` largest of each row: x[T,E], Wg[E,N] ->
    (indices int64[T,top_k] by falling weight, weights[T,top_k] as they are in p).

    Raises ValueError for widths that differ and top_k outside 1..N. Source: Fedus et al. 2021,
    arXiv:2101.03961, eq. 1, which has top_k = 1; Mixtral and GShard divide by the weights' sum.
    """
    indices, weights = choose_experts(probabilities(x, Wg), top_k)
    return indices, weights.to(x.dtype)


def kept_assignments(indices: Tensor, experts: int, capacity: int) -> Tensor:
    """bool[T,k]: assignments that find a free slot when served in the order of the rules."""
    token_major = rules().order == "token_major"
    served = indices if token_major else indices.transpose(0, 1)
    wanted = served.reshape(-1, 1) == torch.arange(experts)
    before = torch.cumsum(wanted.long(), 0) - wanted.long()
    place = (before * wanted).sum(-1)
    kept = (place < capacity).reshape(served.shape)
    return kept if token_major else kept.transpose(0, 1)


def moe_dispatch(indices: Tensor, *, experts: int, capacity: int) -> Tensor:
    """Which assignments are kept: indices int[T,k] -> bool[T,k].

    All first choices are served before any second choice, earlier tokens first; an expert takes
    `capacity` of them. Raises ValueError for an expert outside 0..experts-1 and a capacity below 1.
    Source: Lepikhin et al. 2020, arXiv:2006.16668, algorithm 1 (positions from a running count).
    """
    _check.rank("indices", indices, "T k")
    _check.at_least("experts", experts, 1)
    _check.at_least("capacity", capacity, 1)
    if indices.numel() and not 0 <= int(indices.min()) <= int(indices.max()) < experts:
        raise ValueError(
            f"indices: expected experts in 0..{experts - 1}; raise experts={experts} or mend them"
        )
    return kept_assignments(indices, experts, capacity)


def expert_choice(x: Tensor, Wg: Tensor, *, capacity: int) -> tuple[Tensor, Tensor]:
    """S = softmax(x Wg) over experts; each expert takes the `capacity` tokens of largest S:
    x[T,E], Wg[E,N] -> (indices int64[N,capacity] by falling weight, weights[N,capacity]).

    Raises ValueError for widths that differ and capacity outside 1..T.
    Source: Zhou et al. 2022, arXiv:2202.09368, eq. 1.
    """
    scores = probabilities(x, Wg).transpose(0, 1)
    _check.at_least("capacity", capacity, 1)
    if capacity > x.shape[0]:
        raise ValueError(
            f"capacity={capacity}, tokens={x.shape[0]}: expected at most one slot for each token; "
            f"lower capacity"
        )
    indices = decide("token", scores, capacity)
    return indices, torch.gather(scores, 1, indices).to(x.dtype)
