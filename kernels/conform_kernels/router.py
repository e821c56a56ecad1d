"""A router of experts: softmax over all of them, then the best, in one kernel; backward in one."""

from __future__ import annotations

import torch
from torch import Tensor

from conform_kernels._route import check_router, logit_gradient, route

__all__ = ["router"]


class _Router(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, Wg: Tensor, top_k: int) -> tuple[Tensor, Tensor]:
        indices, weights, probs = route(x, Wg, top_k, x.dtype, any(ctx.needs_input_grad))
        ctx.mark_non_differentiable(indices)
        ctx.save_for_backward(x, Wg, indices, probs)
        return indices, weights

    @staticmethod
    def backward(ctx, _: None, up: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, Wg, indices, probs = ctx.saved_tensors
        grad = logit_gradient(probs, indices, up, x.dtype)
        dx = grad @ Wg.t() if ctx.needs_input_grad[0] else None
        dWg = x.t() @ grad if ctx.needs_input_grad[1] else None
        return dx, dWg, None


def router(x: Tensor, Wg: Tensor, *, top_k: int = 1) -> tuple[Tensor, Tensor]:
    """The top_k largest of softmax(x Wg): (indices int64[T,k] by falling weight, weights[T,k]).

    x[T,E], Wg[E,N] of one dtype (float32, bfloat16, float16), any strides, N up to 512. Weights
    are probabilities among all experts, not renormalised, computed in float32 and rounded once to
    the inputs' dtype; of equal ones the lower index comes first. Logits are not stored; where a
    gradient is asked, float32 probabilities are. The gradient of the logits comes from a kernel,
    its products with x and Wg from torch. Source: Fedus et al. 2021, arXiv:2101.03961, eq. 1.
    """
    check_router(x, Wg, top_k)
    return _Router.apply(x, Wg, top_k)
