"""Normalisation and the residual connections around it."""

from collections.abc import Callable

import torch
from torch import Tensor

from conform_reference import _saved as saved
from conform_reference._check import compute_dtype
from conform_reference.rounding import mark, unless_doubtful

SMALLEST = 2.0**-126  # what float32 squares below it come to is not judged


def _checked(x: Tensor, eps: float, **vectors: Tensor) -> torch.dtype:
    """The dtype to compute in; ValueError when a vector or eps does not fit."""
    for name, vector in vectors.items():
        if x.dim() < 1 or vector.shape != x.shape[-1:]:
            raise ValueError(
                f"{name}.shape={tuple(vector.shape)}, x.shape={tuple(x.shape)}: expected {name} "
                f"[E] for x [..., E]; normalisation is over the last dimension"
            )
    if not eps >= 0:
        raise ValueError(f"eps={eps!r}: expected a number of at least 0; 1e-5 is usual")
    return compute_dtype(x, *vectors.values())


def _gain(gamma: Tensor, y: Tensor) -> Tensor:
    """gamma for every token of y: its gradient may be added up over tokens in the input's dtype."""
    return mark("backward.sum.gain", gamma.to(y.dtype).expand(y.shape))


def _offset(beta: Tensor, y: Tensor) -> Tensor:
    """beta for every token of y; see `_gain`."""
    return mark("backward.sum.offset", beta.to(y.dtype).expand(y.shape))


def layer_norm(x: Tensor, gamma: Tensor, beta: Tensor, *, eps: float = 1e-5) -> Tensor:
    """(x - mean) / sqrt(variance + eps) * gamma + beta over the last dimension of x[..., E].

    The variance is the biased one (divided by E). gamma[E], beta[E]; shape and dtype of x.
    Raises ValueError for vectors that do not fit or eps < 0.
    Source: Ba et al. 2016, eq. 4; eps inside the root as every implementation has it.
    """
    dtype = _checked(x, eps, gamma=gamma, beta=beta)
    y = x.to(dtype)
    mean = torch.mean(y, dim=-1, keepdim=True)
    centred = y - mean
    scale = torch.rsqrt(torch.mean(centred * centred, dim=-1, keepdim=True) + eps)
    gained = saved.standardised(y, centred * scale, scale, _gain(gamma, y), mean)
    return (gained + _offset(beta, y)).to(x.dtype)


def rms_norm(x: Tensor, gamma: Tensor, *, eps: float = 1e-6) -> Tensor:
    """x / sqrt(mean(x^2) + eps) * gamma over the last dimension of x[..., E]; gamma[E].

    Shape and dtype of x. Raises ValueError for a gamma that does not fit or eps < 0.
    Source: Zhang and Sennrich 2019, eq. 4, with the eps that implementations add. Without one a
    token of zeros has no direction: zeros here, NaN where the root is not kept from being zero.
    """
    dtype = _checked(x, eps, gamma=gamma)
    y = x.to(dtype)
    square = torch.mean(y * y, dim=-1, keepdim=True) + eps
    scale = torch.rsqrt(torch.where(square == 0, 1.0, square))
    scale = unless_doubtful(scale, square < SMALLEST)
    return saved.standardised(y, y * scale, scale, _gain(gamma, y)).to(x.dtype)


def _sum(x: Tensor, residual: Tensor, dtype: torch.dtype) -> Tensor:
    """x + residual in `dtype`; ValueError unless their shapes are the same."""
    if residual.shape != x.shape:
        raise ValueError(
            f"residual.shape={tuple(residual.shape)}, x.shape={tuple(x.shape)}: expected the same "
            f"shape; expand the residual if it is meant for all tokens"
        )
    return x.to(dtype) + residual.to(dtype)


def add_rms_norm(
    x: Tensor, residual: Tensor, gamma: Tensor, *, eps: float = 1e-6
) -> tuple[Tensor, Tensor]:
    """(rms_norm(x + residual), x + residual) for x[..., E] and residual of its shape; gamma[E].

    Both in the shape and dtype of x; the sum is the residual stream that goes on. The norm may be
    that of the sum before or after it is rounded. Raises ValueError for shapes that do not fit or
    eps < 0. Source: Zhang and Sennrich 2019, eq. 4, on the stream of a pre-norm block (Xiong et
    al. 2020, figure 1(b)), the two steps in one as inference engines have them.
    """
    total = _sum(x, residual, _checked(x, eps, gamma=gamma))
    total = mark("backward.partial", total)  # gradients of its uses are added up one by one
    normed = rms_norm(mark("residual_sum", total), gamma, eps=eps)
    return normed.to(x.dtype), total.to(x.dtype)


def add_layer_norm(
    x: Tensor, residual: Tensor, gamma: Tensor, beta: Tensor, *, eps: float = 1e-5
) -> tuple[Tensor, Tensor]:
    """(layer_norm(x + residual), x + residual) for x[..., E]; gamma[E], beta[E].

    As `add_rms_norm`, otherwise. Its first result alone is the post-norm step, both are what a
    pre-norm block hands on. Raises ValueError for shapes that do not fit or eps < 0.
    Source: Ba et al. 2016, eq. 4; Vaswani et al. 2017, section 3.1; Xiong et al. 2020.
    """
    total = _sum(x, residual, _checked(x, eps, gamma=gamma, beta=beta))
    total = mark("backward.partial", total)  # gradients of its uses are added up one by one
    normed = layer_norm(mark("residual_sum", total), gamma, beta, eps=eps)
    return normed.to(x.dtype), total.to(x.dtype)


def batch_norm(x: Tensor, gamma: Tensor, beta: Tensor, *, eps: float = 1e-5) -> Tensor:
    """Batch normalisation of x[B, L, E] in training: statistics of each feature over B and L.

    The variance is the biased one. gamma[E], beta[E]; shape and dtype of x.
    Raises ValueError for another rank, vectors that do not fit, or eps < 0.
    Source: Ioffe and Szegedy 2015, algorithm 1.
    """
    if x.dim() != 3:
        raise ValueError(f"x.shape={tuple(x.shape)}: expected [B, L, E]; add or merge dimensions")
    dtype = _checked(x, eps, gamma=gamma, beta=beta)
    y = x.to(dtype)
    mean = torch.mean(y, dim=(0, 1), keepdim=True)
    centred = y - mark("saved_mean", mean)
    variance = torch.mean(centred * centred, dim=(0, 1), keepdim=True)
    rstd = torch.rsqrt(variance + eps)
    normalised = mark("normalised", centred * mark("saved_scale", rstd))
    folded = _folded_rounding(y, gamma.to(dtype) * rstd, beta.to(dtype), mean)
    return (normalised * _gain(gamma, y) + _offset(beta, y) + folded).to(x.dtype)


def _folded_rounding(y: Tensor, scale: Tensor, beta: Tensor, mean: Tensor) -> Tensor:
    """0; where the marks round, what y * scale + shift loses when both factors are rounded."""
    shift = beta - mean * scale
    return y * (mark("scale", scale) - scale) + (mark("shift", shift) - shift)


def pre_norm_residual(
    x: Tensor,
    sublayer: Callable[[Tensor], Tensor],
    gamma: Tensor,
    beta: Tensor,
    *,
    eps: float = 1e-5,
) -> Tensor:
    """x + sublayer(layer_norm(x)) for x[..., E]; shape and dtype of x.

    Raises ValueError as `layer_norm`. Source: Xiong et al. 2020, figure 1(b).
    """
    dtype = _checked(x, eps, gamma=gamma, beta=beta)
    y = mark("backward.partial", x.to(dtype))  # gradients of its uses are added up one by one
    normed = mark("norm_output", layer_norm(y, gamma, beta, eps=eps))
    return (y + mark("sublayer_output", sublayer(normed))).to(x.dtype)


def post_norm_residual(
    x: Tensor,
    sublayer: Callable[[Tensor], Tensor],
    gamma: Tensor,
    beta: Tensor,
    *,
    eps: float = 1e-5,
) -> Tensor:
    """layer_norm(x + sublayer(x)) for x[..., E]; shape and dtype of x.

    Raises ValueError as `layer_norm`. Source: Vaswani et al. 2017, section 3.1.
    """
    dtype = _checked(x, eps, gamma=gamma, beta=beta)
    y = x.to(dtype)
    total = mark("residual_sum", y + mark("sublayer_output", sublayer(y)))
    return layer_norm(total, gamma, beta, eps=eps).to(x.dtype)
