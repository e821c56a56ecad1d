"""RMS norm of a sum over the last dimension, the sum kept: forward and backward fused."""

from __future__ import annotations

from torch import Tensor

from conform_kernels._norm import add_normalise

__all__ = ["add_rms_norm"]


def add_rms_norm(
    x: Tensor, residual: Tensor, gamma: Tensor, *, eps: float = 1e-6
) -> tuple[Tensor, Tensor]:
    """(rms_norm(x + residual), x + residual), each [..., E], the sum being the next residual.

    x[..., E], residual of its shape, gamma[E] of one dtype (float32, bfloat16, float16), any
    strides. The sum is rounded to the inputs' dtype before it is normalised; all else is float32. A
    row up to 16384 wide is read once forward and, with its gradients, once backward; x and residual
    are not kept. Source: Zhang and Sennrich 2019, arXiv:1910.07467; pre-norm residual streams.
    """
    return add_normalise(x, residual, gamma, None, eps)
