"""Layer norm of a sum over the last dimension, the sum kept: forward and backward fused."""

from __future__ import annotations

from torch import Tensor

from conform_kernels._norm import add_normalise

__all__ = ["add_layer_norm"]


def add_layer_norm(
    x: Tensor, residual: Tensor, gamma: Tensor, beta: Tensor, *, eps: float = 1e-5
) -> tuple[Tensor, Tensor]:
    """(layer_norm(x + residual), x + residual), each [..., E], the sum being the next residual.

    x[..., E], residual of its shape, gamma[E], beta[E] of one dtype (float32, bfloat16, float16),
    any strides. The sum is rounded to the inputs' dtype before it is normalised; all else is
    float32. A row up to 16384 wide is read once forward and, with its gradients, once backward; x
    and residual are not kept. Source: Ba et al. 2016, arXiv:1607.06450; the residual streams of
    Vaswani et al. 2017 (after the norm) and Xiong et al. 2020, arXiv:2002.04745 (before it).
    """
    return add_normalise(x, residual, gamma, beta, eps)
