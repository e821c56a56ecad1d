"""Mixture of experts: router, dispatch with capacity, grouped products, combine; and back."""

from __future__ import annotations

import math
from fractions import Fraction

import torch
from torch import Tensor

from conform_kernels._checks import check_shape
from conform_kernels._dispatch import Groups, group
from conform_kernels._grouped import combine, grouped, weight_gradient
from conform_kernels._route import check_router, logit_gradient, route

__all__ = ["moe_layer"]


class _Layer(torch.autograd.Function):
    """Keeps the ReLU's results and float32 probabilities; the experts' outputs are not needed."""

    @staticmethod
    def forward(
        ctx, x: Tensor, Wg: Tensor, W1: Tensor, W2: Tensor, top_k: int, capacity: int | None
    ) -> Tensor:
        indices, gates, probs = route(x, Wg, top_k, torch.float32, any(ctx.needs_input_grad))
        groups = group(indices, Wg.shape[1], capacity)
        hidden, _ = grouped(x, W1, groups, gathered=True, relu=True)
        out, _ = grouped(hidden, W2, groups, gathered=False)
        ctx.save_for_backward(x, Wg, W1, W2, probs, indices, gates, hidden, *groups[:3])
        ctx.rows = groups.rows
        return combine(out, groups, gates, None)

    @staticmethod
    def backward(ctx, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, Wg, W1, W2, probs, indices, gates, hidden, *sorted_ = ctx.saved_tensors
        groups = Groups(*sorted_, ctx.rows)
        need_x, need_gate, need_1, need_2 = ctx.needs_input_grad[:4]
        dW2 = weight_gradient(hidden, dy, groups, gathered="b", gates=gates) if need_2 else None
        if not (need_x or need_gate or need_1):
            return None, None, None, dW2, None, None
        inner, parts = grouped(dy, W2.mT, groups, gathered=True, back=(hidden, gates))
        dW1 = weight_gradient(x, inner, groups, gathered="a") if need_1 else None
        logits = logit_gradient(probs, indices, parts, x.dtype, groups.slots)
        dWg = x.t() @ logits if need_gate else None
        dx = None
        if need_x:
            by_expert, _ = grouped(inner, W1.mT, groups, gathered=False)
            dx = combine(by_expert, groups, None, logits @ Wg.t())
        return dx, dWg, dW1, dW2, None, None


def moe_layer(
    x: Tensor,
    Wg: Tensor,
    W1: Tensor,
    W2: Tensor,
    *,
    top_k: int = 1,
    capacity_factor: float | None = 1.0,
) -> Tensor:
    """The sum over a token's kept experts i of p_i relu(x W1_i) W2_i: [T, E].

    x[T,E], Wg[E,N], W1[N,E,F], W2[N,F,E] of one dtype (float32, bfloat16, float16), any strides, N
    up to 512. p = softmax(x Wg), not renormalised; each expert keeps the first
    ceil(T / N capacity_factor) assignments, first choices before second ones, None: all. What is
    dropped is not computed and adds exactly zero. Tokens are sorted by expert with running counts,
    so that each expert is one dense product; nothing waits for the device and nothing is added
    atomically: the same call gives the same bits. Products are summed in float32; the hidden layer
    and the experts' results are rounded to the inputs' dtype. Differentiable in all four. Source:
    Fedus et al. 2021, arXiv:2101.03961; sorted groups after Gale et al. 2022, arXiv:2211.15841.
    """
    check_router(x, Wg, top_k, W1=W1, W2=W2)
    tokens, width = x.shape
    experts = Wg.shape[1]
    check_shape("W1", W1, (experts, width, None))
    check_shape("W2", W2, (experts, W1.shape[2], width))
    capacity = None
    if capacity_factor is not None:
        if not 0 < capacity_factor < math.inf:
            raise ValueError(
                f"capacity_factor={capacity_factor}; expected a positive finite number, or None"
            )
        capacity = math.ceil(Fraction(tokens, experts) * Fraction(capacity_factor))
    if not tokens:
        # No expert has work, but all four stay part of the graph.
        return x * 1 + 0 * (Wg.sum() + W1.sum() + W2.sum())
    return _Layer.apply(x, Wg, W1, W2, top_k, capacity)
