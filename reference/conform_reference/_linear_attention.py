"""Attention whose similarity is a product of feature maps, linear in the length."""

import torch
from torch import Tensor

from conform_reference import _attend, _check
from conform_reference._scores import rounding_error
from conform_reference._settings import settings
from conform_reference.rounding import another_order, mark


def _features(x: Tensor, name: str) -> Tensor:
    """elu(x) + 1 = x + 1 for x > 0, exp(x) otherwise, without the cancellation of elu + 1."""
    negative = torch.clamp(x, max=0.0)
    features = torch.where(x > 0, x + 1, torch.exp(negative))
    elu = torch.where(x > 0, x, torch.expm1(negative))
    return mark(f"{name}_features", features + rounding_error(f"{name}_elu", elu))


def linear_attention(q: Tensor, k: Tensor, v: Tensor, *, causal: bool = False) -> Tensor:
    """phi(q_i) S_i / phi(q_i) z_i for q, k[B,H,L,D], v[B,H,L,Dv] -> [B,H,L,Dv].

    phi(x) = elu(x) + 1; S_i = sum_j phi(k_j) v_j^T, z_i = sum_j phi(k_j) over all j, or over
    j <= i when causal. No scale, no epsilon. Raises ValueError for shapes that do not fit or
    unlike lengths. Source: Katharopoulos et al. 2020, arXiv:2006.16236, eq. 5, 7, 9 to 12.
    """
    _attend.check_inputs(q, k, v)
    _check.same("number of heads", "q.shape[1]", q.shape[1], "k.shape[1]", k.shape[1])
    _check.same("length", "q.shape[2]", q.shape[2], "k.shape[2]", k.shape[2])
    dtype = _check.compute_dtype(q, k, v)
    query, key = _features(q.to(dtype), "query"), _features(k.to(dtype), "key")
    values = v.to(dtype)
    orders = (by_weights, by_state) if causal else (by_state, by_weights)
    o = orders[0](query, key, values, causal)
    return another_order(o, lambda: orders[1](query, key, values, causal)).to(q.dtype)


def by_weights(query: Tensor, key: Tensor, v: Tensor, causal: bool) -> Tensor:
    """(query key^T) v over its row sums, the weights[B,H,L,L] first: quadratic in the length."""
    weights = query @ key.transpose(-1, -2)
    if causal:
        weights = torch.tril(weights)
    numerator = mark("numerator", mark("weights", weights) @ v)
    return numerator / _denominator(mark("row_weights", weights).sum(-1, keepdim=True), query)


def by_state(query: Tensor, key: Tensor, v: Tensor, causal: bool) -> Tensor:
    """query (key^T v) over query (sum of key), the running sums over keys first: linear."""
    if causal:
        state = mark("products", key.unsqueeze(-1) * v.unsqueeze(-2)).cumsum(-3)
        numerator = (query.unsqueeze(-2) @ mark("state", state)).squeeze(-2)
        denominator = (query * mark("key_sum", key.cumsum(-2))).sum(-1, keepdim=True)
    else:
        numerator = query @ mark("state", key.transpose(-1, -2) @ v)
        denominator = query @ mark("key_sum", key.sum(-2).unsqueeze(-1))
    return mark("numerator", numerator) / _denominator(denominator, query)


def _denominator(total: Tensor, query: Tensor) -> Tensor:
    """The sum of a query's weights, plus the constants of the convention `normaliser_eps`."""
    on_keys = settings().key_sum_eps
    if on_keys:
        total = total + on_keys * query.sum(-1, keepdim=True)
    return mark("denominator", total + settings().normaliser_eps)
