"""Next-token cross entropy straight from hidden states; the logits are never stored."""

from __future__ import annotations

import torch
from torch import Tensor

from conform_kernels._checks import check_device, check_floats, check_integers, check_shape
from conform_kernels._product_softmax import Side, gradient, statistics

__all__ = ["linear_language_model_loss"]


class _Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        """x[B, L, E], weight[V, E], targets int32[B, L - 1], -1 where one does not count."""
        flat, words = targets.reshape(-1), weight[None]
        found, loss = statistics(Side(x[:, :-1], flat), Side(words), 1.0)
        count = (flat >= 0).sum().to(torch.float32)
        ctx.save_for_backward(x, weight, flat, found, count)
        # 0 / 0 = NaN where no target counts.
        return loss.sum() / count

    @staticmethod
    def backward(ctx, up: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight, targets, found, count = ctx.saved_tensors
        each = torch.where(count > 0, up.to(torch.float32) / count, 0.0)
        states, words = Side(x[:, :-1], targets, found), Side(weight[None])
        dx = dweight = None
        if ctx.needs_input_grad[0]:
            dx = torch.empty(x.shape, dtype=x.dtype, device=x.device)
            dx[:, -1] = 0  # the last position predicts nothing
            gradient(states, words, 1.0, each, dx[:, :-1])
        if ctx.needs_input_grad[1]:
            dweight = torch.empty(weight.shape, dtype=weight.dtype, device=weight.device)
            gradient(words, states, 1.0, each, dweight[None])
        return dx, dweight, None


def linear_language_model_loss(
    x: Tensor, weight: Tensor, tokens: Tensor, *, ignore_index: int = -100
) -> Tensor:
    """Mean over t of -log softmax(weight x[b, t])[tokens[b, t + 1]], in nats; a float32 scalar.

    x[B, L, E] and weight[V, E] of one dtype (float32, bfloat16, float16), any strides; tokens
    int[B, L]. Targets equal to ignore_index do not count and their states are not read; NaN when
    none counts. A target outside [0, V) is a ValueError (on a GPU an assertion there). Products
    and sums are in float32; the products' gradient is rounded to the inputs' dtype.

    No logit reaches memory in the forward pass. The backward pass makes them anew, for x and for
    weight: up to 256 features (128 in float32) inside the kernel that uses their gradient; beyond,
    that gradient passes through a buffer of at most 2^26 elements, block by block. Sources: Wijmans
    et al. 2024, arXiv:2411.09009 (the idea; its atomics and its dropped small gradients are not
    used, so that the same call gives the same bits); Radford et al. 2018, eq. 1.
    """
    check_floats(x=x, weight=weight)
    check_integers(tokens=tokens)
    check_device(x=x, tokens=tokens)
    if x.dim() != 3 or tuple(tokens.shape) != tuple(x.shape[:2]):
        raise ValueError(
            f"x.shape={tuple(x.shape)}, tokens.shape={tuple(tokens.shape)}; expected (B, L, E) and "
            "(B, L)"
        )
    check_shape("weight", weight, (None, x.shape[2]))
    if x.shape[1] < 1 or weight.shape[0] < 1:
        raise ValueError(f"L={x.shape[1]}, V={weight.shape[0]}; expected at least 1 of each")
    targets = tokens[:, 1:].to(torch.int64)
    kept = targets != ignore_index
    _check_targets(targets, kept, weight.shape[0])
    return _Loss.apply(x, weight, torch.where(kept, targets, -1).to(torch.int32))


def _check_targets(targets: Tensor, kept: Tensor, words: int) -> None:
    """ValueError for a target outside the vocabulary; on a GPU an assertion, without waiting."""
    fine = (~kept | ((targets >= 0) & (targets < words))).all()
    if targets.is_cuda:
        torch._assert_async(fine)
    elif not fine:
        low, high = int(targets[kept].min()), int(targets[kept].max())
        raise ValueError(f"targets from {low} to {high}; expected 0 to {words - 1} (V={words})")
