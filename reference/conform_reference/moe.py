"""Mixture of experts: routing, the layer, its balancing loss and its sizes."""

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._routing import (
    choose_experts,
    expert_capacity,
    expert_choice,
    kept_assignments,
    moe_dispatch,
    probabilities,
    router,
)
from conform_reference._routing_other import (
    balanced_assignment,
    hash_routing,
    noisy_top_k_gating,
    random_routing,
    sinkhorn_routing,
)
from conform_reference.rounding import mark

__all__ = [
    "balanced_assignment",
    "expert_capacity",
    "expert_choice",
    "hash_routing",
    "load_balancing_loss",
    "moe_dispatch",
    "moe_layer",
    "moe_parameters",
    "moe_token_flops",
    "noisy_top_k_gating",
    "random_routing",
    "router",
    "sinkhorn_routing",
]


def moe_layer(
    x: Tensor, Wg: Tensor, W1: Tensor, W2: Tensor, *, top_k: int = 1,
    capacity_factor: float | None = 1.0,
) -> Tensor:  # fmt: skip
    """y_t = sum over the kept experts i of token t of p_ti relu(x_t W1_i) W2_i, for x[T,E],
    Wg[E,N], W1[N,E,F], W2[N,F,E] -> [T,E].

    p = softmax(x Wg), not renormalised; each expert keeps ceil(T / N capacity_factor) assignments,
    first choices and earlier tokens first; `capacity_factor=None` drops nothing. The residual is
    the caller's. Raises ValueError for shapes that do not fit and options out of range.
    Source: Fedus et al. 2021, arXiv:2101.03961, section 2; top_k > 1 as in arXiv:2006.16668.
    """
    probs = probabilities(x, Wg)
    experts, width, hidden_width = W1.shape
    _check.same("number of experts", "Wg.shape[1]", Wg.shape[1], "W1.shape[0]", experts)
    _check.same("width", "x.shape[1]", x.shape[1], "W1.shape[1]", width)
    if tuple(W2.shape) != (experts, hidden_width, width):
        raise ValueError(
            f"W2.shape={tuple(W2.shape)}: expected {(experts, hidden_width, width)}, (N, F, E); "
            f"transpose W2 if it is stored the other way"
        )
    limited = capacity_factor is not None  # then first choices come first
    chosen, weights = choose_experts(probs, top_k, ordered=limited)
    if limited and x.shape[0]:
        slots = expert_capacity(x.shape[0], experts, capacity_factor, top_k=top_k)
        weights = torch.where(kept_assignments(chosen, experts, slots), weights, 0.0)
    hidden = mark("hidden", torch.einsum("te,nef->ntf", x.to(probs.dtype), W1.to(probs.dtype)))
    outputs = mark("expert_output", torch.bmm(torch.relu(hidden), W2.to(probs.dtype)))
    total = torch.zeros_like(outputs[0])
    for rank in range(top_k):
        place = chosen[:, rank].reshape(1, -1, 1).expand(1, *total.shape)
        output = torch.gather(outputs, 0, place).squeeze(0)
        weighted = mark("weighted", weights[:, rank : rank + 1] * output)
        total = mark("partial_sum", total + weighted) if rank else weighted
    return total.to(x.dtype)


def load_balancing_loss(probs: Tensor, indices: Tensor) -> Tensor:
    """N sum_i f_i P_i for probs[T,N] and first choices int[T] -> scalar.

    f_i is the fraction of tokens that chose expert i, before any dropping, P_i the mean of probs
    over the tokens; only P carries a gradient. 1 when either is even, at most N, and no bound from
    below but 0 (Switch's text suggests 1). Raises ValueError for shapes that do not fit.
    Source: Fedus et al. 2021, arXiv:2101.03961, eq. 4 to 6, without the factor alpha.
    """
    _check.rank("probs", probs, "T N")
    _check.rank("indices", indices, "T")
    _check.same("number of tokens", "probs.shape[0]", len(probs), "len(indices)", len(indices))
    _check.at_least("tokens", len(probs), 1)
    p = probs.to(_check.compute_dtype(probs))
    chosen = (indices.unsqueeze(-1) == torch.arange(p.shape[1])).sum(0)
    fraction = mark("fraction", chosen * torch.ones_like(p[0]) / len(p))
    mean = mark("mean_probability", p.mean(0))
    total = mark("total", mark("products", fraction * mean).sum())
    return (p.shape[1] * total).to(probs.dtype)


def moe_parameters(
    *, width: int, hidden: int, experts: int, top_k: int = 1, shared: int = 0
) -> tuple[int, int]:
    """(total, active for one token): shared + N 2 E F + E N and shared + k 2 E F + E N.

    `shared` counts what lies outside of the experts and the router. Raises ValueError for sizes
    that are not positive integers and top_k above experts. Source: Fedus et al. 2021, section 2.
    """
    for name, size in (("width", width), ("hidden", hidden), ("experts", experts)):
        _check.at_least(name, size, 1)
    _check.at_least("top_k", top_k, 1)
    _check.at_least("experts", experts, top_k)
    _check.at_least("shared", shared, 0)
    one, gate = 2 * width * hidden, width * experts
    return shared + experts * one + gate, shared + top_k * one + gate


def moe_token_flops(*, width: int, hidden: int, experts: int, top_k: int = 1) -> int:
    """k 4 E F + 2 E N: matrix products of one token, a multiplication and an addition each.

    The experts' part does not grow with N, the router's does. Raises ValueError for sizes that are
    not positive integers and top_k above experts. Source: Fedus et al. 2022, arXiv:2209.01667.
    """
    _, active = moe_parameters(width=width, hidden=hidden, experts=experts, top_k=top_k)
    return 2 * active
