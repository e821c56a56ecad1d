"""Power normalisation: features divided by their quadratic mean over the batch."""

import torch
from torch import Tensor

from conform_reference.norm import _checked, _gain, _offset
from conform_reference.rounding import mark


def power_norm(x: Tensor, gamma: Tensor, beta: Tensor, *, eps: float = 1e-5) -> Tensor:
    """x / sqrt(mean of x^2 over B and L + eps) * gamma + beta for x[B,L,E]; shape and dtype of x.

    Statistics of each feature in training, from the batch alone: no mean is subtracted.
    gamma, beta[E].
    Raises ValueError for another rank, vectors that do not fit, or eps < 0.
    Source: Shen et al. 2020, arXiv:2003.07845, section 4.1 (PN-V); the paper's running statistics
    and approximate backward pass are left out.
    """
    if x.dim() != 3:
        raise ValueError(f"x.shape={tuple(x.shape)}: expected [B, L, E]; add or merge dimensions")
    dtype = _checked(x, eps, gamma=gamma, beta=beta)
    y = x.to(dtype)
    mean_square = torch.mean(y * y, dim=(0, 1), keepdim=True)
    normalised = mark("normalised", y * mark("saved_scale", torch.rsqrt(mean_square + eps)))
    return (normalised * _gain(gamma, y) + _offset(beta, y)).to(x.dtype)
