"""Wrong mixture-of-experts layers, written over one plain loop."""

import torch
from torch import Tensor

from conform_reference import moe as right
from conform_reference._check import compute_dtype
from conform_reference._routing_rules import using

Factor = float | None


def _experts(x: Tensor, W1: Tensor, W2: Tensor, *, relu: bool = True) -> Tensor:
    """What every expert makes of every token: [N, T, E]."""
    dtype = compute_dtype(x, W1, W2)
    hidden = torch.einsum("te,nef->ntf", x.to(dtype), W1.to(dtype))
    return torch.bmm(torch.relu(hidden) if relu else hidden, W2.to(dtype))


def _routed(
    x: Tensor, Wg: Tensor, top_k: int, capacity_factor: Factor, dim: int = -1
) -> tuple[Tensor, Tensor, Tensor]:
    """Experts [T,k], their weights, and which of them are kept."""
    dtype = compute_dtype(x, Wg)
    p = torch.softmax(x.to(dtype) @ Wg.to(dtype), dim)
    weights, chosen = torch.topk(p, top_k, dim=-1)
    if capacity_factor is None:
        return chosen, weights, torch.ones_like(chosen, dtype=torch.bool)
    slots = right.expert_capacity(len(x), Wg.shape[1], capacity_factor)
    return chosen, weights, right.moe_dispatch(chosen, experts=Wg.shape[1], capacity=slots)


def _combined(chosen: Tensor, weights: Tensor, outputs: Tensor) -> Tensor:
    rows = torch.arange(len(chosen)).unsqueeze(1)
    return (weights.unsqueeze(-1) * outputs[chosen, rows]).sum(1)


def layer_renormalised(
    x: Tensor, Wg: Tensor, W1: Tensor, W2: Tensor, *, top_k: int = 1, capacity_factor: Factor = 1.0
) -> Tensor:
    """The weights of a token's experts sum to 1."""
    with using(renormalize=True):
        return right.moe_layer(x, Wg, W1, W2, top_k=top_k, capacity_factor=capacity_factor)


def layer_floor(
    x: Tensor, Wg: Tensor, W1: Tensor, W2: Tensor, *, top_k: int = 1, capacity_factor: Factor = 1.0
) -> Tensor:
    """Capacity is rounded down."""
    with using(rounding="floor"):
        return right.moe_layer(x, Wg, W1, W2, top_k=top_k, capacity_factor=capacity_factor)


def layer_counts_assignments(
    x: Tensor, Wg: Tensor, W1: Tensor, W2: Tensor, *, top_k: int = 1, capacity_factor: Factor = 1.0
) -> Tensor:
    """Capacity is multiplied by top_k."""
    with using(counts="assignments"):
        return right.moe_layer(x, Wg, W1, W2, top_k=top_k, capacity_factor=capacity_factor)


def layer_token_major(
    x: Tensor, Wg: Tensor, W1: Tensor, W2: Tensor, *, top_k: int = 1, capacity_factor: Factor = 1.0
) -> Tensor:
    """All choices of a token are served before the next token's."""
    with using(order="token_major"):
        return right.moe_layer(x, Wg, W1, W2, top_k=top_k, capacity_factor=capacity_factor)


def layer_residual_inside(
    x: Tensor, Wg: Tensor, W1: Tensor, W2: Tensor, *, top_k: int = 1, capacity_factor: Factor = 1.0
) -> Tensor:
    """A token without any slot is returned as it came."""
    y = right.moe_layer(x, Wg, W1, W2, top_k=top_k, capacity_factor=capacity_factor)
    kept = _routed(x, Wg, top_k, capacity_factor)[2]
    return torch.where(kept.any(-1, keepdim=True), y, x)


def layer_without_gate(
    x: Tensor, Wg: Tensor, W1: Tensor, W2: Tensor, *, top_k: int = 1, capacity_factor: Factor = 1.0
) -> Tensor:
    """Kept outputs are added as they are."""
    chosen, weights, kept = _routed(x, Wg, top_k, capacity_factor)
    ones = kept.to(weights.dtype) + 0.0 * weights
    return _combined(chosen, ones, _experts(x, W1, W2)).to(x.dtype)


def layer_gate_on_input(
    x: Tensor, Wg: Tensor, W1: Tensor, W2: Tensor, *, top_k: int = 1, capacity_factor: Factor = 1.0
) -> Tensor:
    """The probability scales what goes in and what comes out."""
    chosen, weights, kept = _routed(x, Wg, top_k, capacity_factor)
    gates = torch.where(kept, weights, 0.0)
    return _combined(chosen, gates * weights, _experts(x, W1, W2)).to(x.dtype)


def layer_first_only(
    x: Tensor, Wg: Tensor, W1: Tensor, W2: Tensor, *, top_k: int = 1, capacity_factor: Factor = 1.0
) -> Tensor:
    """Second and later choices are routed and forgotten."""
    chosen, weights, kept = _routed(x, Wg, top_k, capacity_factor)
    gates = torch.where(kept, weights, 0.0)[:, :1]
    return _combined(chosen[:, :1], gates, _experts(x, W1, W2)).to(x.dtype)


def layer_without_relu(
    x: Tensor, Wg: Tensor, W1: Tensor, W2: Tensor, *, top_k: int = 1, capacity_factor: Factor = 1.0
) -> Tensor:
    """Experts are two linear maps."""
    chosen, weights, kept = _routed(x, Wg, top_k, capacity_factor)
    gates = torch.where(kept, weights, 0.0)
    return _combined(chosen, gates, _experts(x, W1, W2, relu=False)).to(x.dtype)


def layer_unsorted(
    x: Tensor, Wg: Tensor, W1: Tensor, W2: Tensor, *, top_k: int = 1, capacity_factor: Factor = 1.0
) -> Tensor:
    """Rows come back grouped by their first expert."""
    y = right.moe_layer(x, Wg, W1, W2, top_k=top_k, capacity_factor=capacity_factor)
    return y[_routed(x, Wg, top_k, capacity_factor)[0][:, 0].argsort(stable=True)]


def layer_over_tokens(
    x: Tensor, Wg: Tensor, W1: Tensor, W2: Tensor, *, top_k: int = 1, capacity_factor: Factor = 1.0
) -> Tensor:
    """The router's softmax runs over the tokens."""
    chosen, weights, kept = _routed(x, Wg, top_k, capacity_factor, dim=0)
    gates = torch.where(kept, weights, 0.0)
    return _combined(chosen, gates, _experts(x, W1, W2)).to(x.dtype)


def layer_gate_detached(
    x: Tensor, Wg: Tensor, W1: Tensor, W2: Tensor, *, top_k: int = 1, capacity_factor: Factor = 1.0
) -> Tensor:
    """The gates carry no gradient."""
    chosen, weights, kept = _routed(x, Wg, top_k, capacity_factor)
    gates = torch.where(kept, weights, 0.0).detach() + 0.0 * Wg.sum()
    return _combined(chosen, gates, _experts(x, W1, W2)).to(x.dtype)
