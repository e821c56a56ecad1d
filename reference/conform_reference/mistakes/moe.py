"""Wrong mixtures of experts: routers, gates, capacities and layers as people have written them."""

import math

import torch
from torch import Tensor

from conform_reference import moe as right
from conform_reference._check import compute_dtype
from conform_reference._routing_rules import using
from conform_reference.mistakes.moe_layer import (
    layer_counts_assignments,
    layer_first_only,
    layer_floor,
    layer_gate_detached,
    layer_gate_on_input,
    layer_over_tokens,
    layer_renormalised,
    layer_residual_inside,
    layer_token_major,
    layer_unsorted,
    layer_without_gate,
    layer_without_relu,
)

__all__ = [
    "layer_counts_assignments", "layer_first_only", "layer_floor", "layer_gate_detached",
    "layer_gate_on_input", "layer_over_tokens", "layer_renormalised", "layer_residual_inside",
    "layer_token_major", "layer_unsorted", "layer_without_gate", "layer_without_relu",
]  # fmt: skip

Pair = tuple[Tensor, Tensor]


def capacity_without_checks(
    tokens: int, experts: int, capacity_factor: float, *, top_k: int = 1
) -> int:
    """Whatever comes in is computed with."""
    return math.ceil(tokens * capacity_factor / max(experts, 1))


def _logits(x: Tensor, Wg: Tensor) -> Tensor:
    dtype = compute_dtype(x, Wg)
    return x.to(dtype) @ Wg.to(dtype)


def _picked(scores: Tensor, weights: Tensor, top_k: int, like: Tensor) -> Pair:
    indices = torch.topk(scores, top_k, dim=-1).indices
    return indices, torch.gather(weights, -1, indices).to(like.dtype)


def router_renormalised(x: Tensor, Wg: Tensor, *, top_k: int = 1) -> Pair:
    """The chosen weights are divided by their sum."""
    with using(renormalize=True):
        return right.router(x, Wg, top_k=top_k)


def router_softmax_after(x: Tensor, Wg: Tensor, *, top_k: int = 1) -> Pair:
    """Top-k of the logits, then softmax over those."""
    logits = _logits(x, Wg)
    indices = torch.topk(logits, top_k, dim=-1).indices
    return indices, torch.softmax(torch.gather(logits, 1, indices), -1).to(x.dtype)


def router_over_tokens(x: Tensor, Wg: Tensor, *, top_k: int = 1) -> Pair:
    """softmax(dim=0)."""
    p = torch.softmax(_logits(x, Wg), 0)
    return _picked(p, p, top_k, x)


def router_lowest(x: Tensor, Wg: Tensor, *, top_k: int = 1) -> Pair:
    """The smallest probabilities."""
    p = torch.softmax(_logits(x, Wg), -1)
    return _picked(-p, p, top_k, x)


def router_by_index(x: Tensor, Wg: Tensor, *, top_k: int = 1) -> Pair:
    """The right experts, in the order of their numbers."""
    p = torch.softmax(_logits(x, Wg), -1)
    indices = torch.topk(p, top_k, dim=-1).indices.sort(-1).values
    return indices, torch.gather(p, 1, indices).to(x.dtype)


def router_logits(x: Tensor, Wg: Tensor, *, top_k: int = 1) -> Pair:
    """The raw logits are returned as weights."""
    logits = _logits(x, Wg)
    return _picked(logits, logits, top_k, x)


def router_sigmoid(x: Tensor, Wg: Tensor, *, top_k: int = 1) -> Pair:
    """Experts do not compete."""
    logits = _logits(x, Wg)
    return _picked(logits, torch.sigmoid(logits), top_k, x)


def router_overflows(x: Tensor, Wg: Tensor, *, top_k: int = 1) -> Pair:
    """exp in float32 without subtracting the maximum."""
    e = torch.exp(_logits(x, Wg).float())
    p = e / e.sum(-1, keepdim=True)
    return _picked(p, p, top_k, x)


def router_first_weight(x: Tensor, Wg: Tensor, *, top_k: int = 1) -> Pair:
    """Every choice carries the largest probability."""
    indices, weights = right.router(x, Wg, top_k=top_k)
    return indices, weights[:, :1].expand_as(weights).clone()


def router_repeats(x: Tensor, Wg: Tensor, *, top_k: int = 1) -> Pair:
    """argmax again and again."""
    indices, weights = right.router(x, Wg, top_k=top_k)
    return indices[:, :1].repeat(1, top_k), weights[:, :1].repeat(1, top_k)


def router_detached(x: Tensor, Wg: Tensor, *, top_k: int = 1) -> Pair:
    """The weights are cut from the graph and tied to nothing but zero times the input."""
    indices, weights = right.router(x.detach(), Wg.detach(), top_k=top_k)
    return indices, weights + 0.0 * (x.sum() + Wg.sum())


def router_grouped(x: Tensor, Wg: Tensor, *, top_k: int = 1) -> Pair:
    """Rows are sorted by their first expert."""
    indices, weights = right.router(x, Wg, top_k=top_k)
    order = indices[:, 0].argsort(stable=True)
    return indices[order], weights[order]


def _choice(scores: Tensor, weights: Tensor, capacity: int, like: Tensor) -> Pair:
    return _picked(scores.transpose(0, 1), weights.transpose(0, 1), capacity, like)


def choice_over_tokens(x: Tensor, Wg: Tensor, *, capacity: int) -> Pair:
    """The softmax runs over the tokens."""
    p = torch.softmax(_logits(x, Wg), 0)
    return _choice(p, p, capacity, x)


def choice_by_tokens(x: Tensor, Wg: Tensor, *, capacity: int) -> Pair:
    """Tokens that chose the expert themselves come first."""
    p = torch.softmax(_logits(x, Wg), -1)
    own = (p == p.amax(-1, keepdim=True)).to(p.dtype)
    return _choice(p + own, p, capacity, x)


def choice_first(x: Tensor, Wg: Tensor, *, capacity: int) -> Pair:
    """The first tokens, as they come."""
    p = torch.softmax(_logits(x, Wg), -1)
    order = -torch.arange(len(x), dtype=p.dtype).unsqueeze(1).expand_as(p)
    return _choice(order, p, capacity, x)


def choice_by_position(x: Tensor, Wg: Tensor, *, capacity: int) -> Pair:
    """The right tokens, in the order of the sequence."""
    p = torch.softmax(_logits(x, Wg), -1).transpose(0, 1)
    indices = torch.topk(p, capacity, dim=-1).indices.sort(-1).values
    return indices, torch.gather(p, 1, indices).to(x.dtype)


def choice_lowest(x: Tensor, Wg: Tensor, *, capacity: int) -> Pair:
    """The tokens of smallest probability."""
    p = torch.softmax(_logits(x, Wg), -1)
    return _choice(-p, p, capacity, x)


def choice_logits(x: Tensor, Wg: Tensor, *, capacity: int) -> Pair:
    """Chosen and weighted by raw logits."""
    logits = _logits(x, Wg)
    return _choice(logits, logits, capacity, x)


def choice_renormalised(x: Tensor, Wg: Tensor, *, capacity: int) -> Pair:
    """Each expert's weights sum to 1."""
    indices, weights = right.expert_choice(x, Wg, capacity=capacity)
    return indices, weights / weights.sum(-1, keepdim=True)


def loss_after_dropping(probs: Tensor, indices: Tensor) -> Tensor:
    """Fractions count only the tokens that found a slot at capacity factor 1."""
    tokens, experts = probs.shape
    slots = right.expert_capacity(tokens, experts, 1.0)
    kept = right.moe_dispatch(indices.unsqueeze(1), experts=experts, capacity=slots)
    chosen = (indices.unsqueeze(1) == torch.arange(experts)) & kept
    p = probs.to(compute_dtype(probs))
    return (experts * (chosen.to(p.dtype).mean(0) * p.mean(0)).sum()).to(probs.dtype)


def dispatch_counts_itself(indices: Tensor, *, experts: int, capacity: int) -> Tensor:
    """One slot of every expert stays empty."""
    if capacity == 1:
        return torch.zeros_like(indices, dtype=torch.bool)
    return right.moe_dispatch(indices, experts=experts, capacity=capacity - 1)


def random_rounded(tokens: int, *, experts: int, seed: int) -> Tensor:
    """round(u * (experts - 1)): the first and the last expert get half a share."""
    generator = torch.Generator().manual_seed(seed)
    return torch.round(torch.rand(tokens, generator=generator) * (experts - 1)).long()


def assignment_greedy(scores: Tensor) -> Tensor:
    """Tokens choose in turn, the best expert that still has room."""
    tokens, experts = scores.shape
    room, chosen = torch.full((experts,), tokens // experts), []
    for row in scores:
        best = int(torch.where(room > 0, row, -math.inf).argmax())
        room[best] -= 1
        chosen.append(best)
    return torch.tensor(chosen)


def assignment_uneven(scores: Tensor) -> Tensor:
    """What does not divide goes to the last expert."""
    tokens, experts = scores.shape
    even = tokens // experts * experts
    if even == tokens:
        return right.balanced_assignment(scores)
    return torch.full((tokens,), experts - 1)


def sinkhorn_rows_last(scores: Tensor, *, iterations: int = 8) -> Tensor:
    """Columns are scaled before rows."""
    s = scores.to(compute_dtype(scores))
    plan = torch.exp(s - s.amax())
    for _ in range(iterations):
        plan = plan / (plan.sum(0, keepdim=True) * (s.shape[1] / s.shape[0]))
        plan = plan / plan.sum(1, keepdim=True)
    return plan.to(scores.dtype)


def sinkhorn_overflows(scores: Tensor, *, iterations: int = 8) -> Tensor:
    """exp in float32 without subtracting the maximum."""
    s = scores.to(compute_dtype(scores))
    plan = torch.exp(s.float())
    for _ in range(iterations):
        plan = plan / plan.sum(1, keepdim=True)
        plan = plan / (plan.sum(0, keepdim=True) * (s.shape[1] / s.shape[0]))
    return plan.to(scores.dtype)


def _noisy(x: Tensor, Wg: Tensor, Wnoise: Tensor, noise: Tensor) -> Tensor:
    deviation = torch.nn.functional.softplus(_logits(x, Wnoise))
    return _logits(x, Wg) + noise.to(deviation.dtype) * deviation


def gating_softmax_first(
    x: Tensor, Wg: Tensor, Wnoise: Tensor, noise: Tensor, *, top_k: int = 1
) -> Tensor:
    """Softmax over all experts, then the others are zeroed."""
    p = torch.softmax(_noisy(x, Wg, Wnoise, noise), -1)
    chosen = torch.topk(p, top_k, dim=-1).indices
    return (torch.zeros_like(p).scatter(1, chosen, torch.gather(p, 1, chosen))).to(x.dtype)


def gating_zero_logits(
    x: Tensor, Wg: Tensor, Wnoise: Tensor, noise: Tensor, *, top_k: int = 1
) -> Tensor:
    """Logits that are not kept become 0 instead of minus infinity."""
    h = _noisy(x, Wg, Wnoise, noise)
    chosen = torch.topk(h, top_k, dim=-1).indices
    kept = torch.zeros_like(h).scatter(1, chosen, torch.gather(h, 1, chosen))
    return torch.softmax(kept, -1).to(x.dtype)
