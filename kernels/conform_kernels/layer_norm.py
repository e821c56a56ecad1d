"""Layer norm over the last dimension, forward and backward."""

from __future__ import annotations

from torch import Tensor

from conform_kernels._norm import normalise

__all__ = ["layer_norm"]


def layer_norm(x: Tensor, gamma: Tensor, beta: Tensor, *, eps: float = 1e-5) -> Tensor:
    """(x - mean) / sqrt(var + eps) * gamma + beta, the biased variance, computed in float32.

    x[..., E], gamma[E], beta[E] of one dtype (float32, bfloat16, float16), any strides. A row up to
    16384 wide is read once forward and, with its gradient, once backward; the variance is taken
    about the mean, never as a difference of squares. Source: Ba et al. 2016, arXiv:1607.06450.
    """
    return normalise(x, gamma, beta, eps)
