"""Other ways to route: noisy gates, hashing, chance, and balanced assignment."""

import math
from functools import lru_cache
from itertools import permutations

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._routing import kept_softmax
from conform_reference.rounding import another_order, decide, mark


def noisy_top_k_gating(
    x: Tensor, Wg: Tensor, Wnoise: Tensor, noise: Tensor, *, top_k: int = 1
) -> Tensor:
    """G = softmax(KeepTopK(H, k)), H = x Wg + noise * softplus(x Wnoise), for x[T,E], Wg and
    Wnoise[E,N], noise[T,N] (standard normal when training, zero otherwise) -> gates[T,N].

    All but `top_k` gates of a row are exactly zero; the softmax comes after the choice.
    Raises ValueError for shapes that do not fit and top_k outside 1..N.
    Source: Shazeer et al. 2017, arXiv:1701.06538, eq. 3 to 5.
    """
    _check.rank("x", x, "T E")
    _check.same("width", "x.shape[1]", x.shape[1], "Wg.shape[0]", Wg.shape[0])
    shape = (x.shape[0], Wg.shape[1])
    if tuple(Wnoise.shape) != tuple(Wg.shape) or tuple(noise.shape) != shape:
        raise ValueError(
            f"Wnoise.shape={tuple(Wnoise.shape)}, noise.shape={tuple(noise.shape)}: expected "
            f"{tuple(Wg.shape)} and {shape}; one column for each expert"
        )
    _check.at_least("top_k", top_k, 1)
    _check.at_least("experts", Wg.shape[1], top_k)
    dtype = _check.compute_dtype(x, Wg, Wnoise, noise)
    clean = mark("clean_logits", x.to(dtype) @ Wg.to(dtype))
    raw = mark("raw_deviation", x.to(dtype) @ Wnoise.to(dtype))
    deviation = mark("deviation", torch.logaddexp(raw, torch.zeros_like(raw)))
    logits = mark("logits", clean + mark("noise", noise.to(dtype) * deviation))
    chosen = decide("expert", logits, top_k, ordered=False)
    keep = (chosen.unsqueeze(-1) == torch.arange(shape[1])).any(-2)
    return kept_softmax(logits, keep).to(x.dtype)


def hash_routing(tokens: Tensor, *, experts: int) -> Tensor:
    """id mod experts for token ids int[...] -> int64[...]: nothing is learned or looked at.

    Raises ValueError for fewer than one expert. Source: Roller et al. 2021, arXiv:2106.04426,
    whose hash is a random table; the remainder is the simplest hash with equal classes.
    """
    _check.at_least("experts", experts, 1)
    return torch.remainder(tokens.long(), experts)


def random_routing(tokens: int, *, experts: int, seed: int) -> Tensor:
    """An expert for each of `tokens` tokens, uniform and independent -> int64[tokens].

    Raises ValueError for sizes below 1. Source: Zuo et al. 2021, arXiv:2110.04260 (THOR).
    """
    _check.at_least("tokens", tokens, 1)
    _check.at_least("experts", experts, 1)
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(experts, (tokens,), generator=generator)


@lru_cache(maxsize=32)
def _balanced(tokens: int, experts: int) -> tuple[tuple[int, ...], ...]:
    """All assignments that give each expert tokens / experts tokens."""
    even = [expert for expert in range(experts) for _ in range(tokens // experts)]
    return tuple(sorted(set(permutations(even))))


def balanced_assignment(scores: Tensor) -> Tensor:
    """The assignment of largest total score among those that give each expert T / N tokens:
    scores[T,N] -> int64[T].

    Looks at all of them, so T is at most 6. Raises ValueError when N does not divide T.
    Source: Lewis et al. 2021, arXiv:2103.16716, eq. 3 (BASE layers).
    """
    _check.rank("scores", scores, "T N")
    tokens, experts = scores.shape
    _check.divides("experts", experts, "tokens", tokens)
    if tokens > 6:
        raise ValueError(f"tokens={tokens}: expected at most 6; this reference tries everything")
    table = torch.tensor(_balanced(tokens, experts))
    s = scores.to(_check.compute_dtype(scores))
    wanted = (table.unsqueeze(-1) == torch.arange(experts)).to(s.dtype)
    # As a product, so that the roundoff of a total is that of a sum of T scores.
    totals = wanted.reshape(len(table), -1) @ s.reshape(-1, 1)
    return table[decide("assignment", totals.squeeze(-1))].squeeze(0)


def sinkhorn_routing(scores: Tensor, *, iterations: int = 8) -> Tensor:
    """exp(scores) with rows scaled to sum 1, then columns to sum T / N, `iterations` times:
    scores[T,N] -> plan[T,N], whose columns sum to T / N.

    Raises ValueError for fewer than one iteration.
    Source: Clark et al. 2022, arXiv:2202.01169, appendix B (S-BASE), without its temperature.
    """
    _check.rank("scores", scores, "T N")
    _check.at_least("iterations", iterations, 1)
    _check.not_empty("T", scores.shape[0])
    _check.not_empty("N", scores.shape[1])
    s = scores.to(_check.compute_dtype(scores))
    plan = mark("plan", torch.exp(s - s.amax()))
    for _ in range(iterations):
        plan = mark("plan", plan / mark("row_sums", plan.sum(1, keepdim=True)))
        share = mark("column_sums", plan.sum(0, keepdim=True)) * (s.shape[1] / s.shape[0])
        plan = mark("plan", plan / mark("column_share", share))
    plan = another_order(plan, lambda: _sinkhorn_of_logarithms(s, iterations))
    plan = another_order(plan, lambda: _sinkhorn_of_factors(s, iterations))
    return plan.to(scores.dtype)


def _sinkhorn_of_logarithms(s: Tensor, iterations: int) -> Tensor:
    """The same plan from sums in place of factors, which are rounded as logarithms."""
    share = math.log(s.shape[0] / s.shape[1])
    for _ in range(iterations):
        s = mark("log_plan", s - _log_sum(s, 1))
        s = mark("log_plan", mark("log_plan", s - _log_sum(s, 0)) + share)
    return mark("plan", torch.exp(s))


def _sinkhorn_of_factors(s: Tensor, iterations: int) -> Tensor:
    """The same plan from one factor a row and one a column, which leave exp(s) as it is."""
    kernel = mark("plan", torch.exp(s - s.amax()))
    columns = torch.ones_like(kernel[:1])
    for _ in range(iterations):
        rows = 1 / mark("row_sums", mark("plan", kernel * columns).sum(1, keepdim=True))
        sums = mark("column_sums", mark("plan", kernel * rows).sum(0, keepdim=True))
        columns = mark("column_share", (s.shape[0] / s.shape[1]) / sums)
    return mark("plan", mark("plan", kernel * rows) * columns)


def _log_sum(s: Tensor, dim: int) -> Tensor:
    """log sum exp; its slope is taken from the result as it is stored."""
    top = s.detach().amax(dim, keepdim=True)
    mass = torch.exp(s.detach() - top).sum(dim, keepdim=True)
    stored = mark("log_sums", top + torch.log(mass))
    parts = mark("log_parts", torch.exp(mark("log_parts", s.detach() - stored)))
    change = mark("log_parts", s - s.detach())  # zero, with slope one
    return mark("backward.log_sums", stored + (parts * change).sum(dim, keepdim=True))
