"""Blocks between convolution and attention: CvT, ConvNeXt, MetaFormer, PoolFormer."""

from collections.abc import Callable

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._convolution import depthwise, taps
from conform_reference.feed_forward import feed_forward
from conform_reference.norm import layer_norm
from conform_reference.rounding import mark


def _channels_last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1)


def conv_projection(x: Tensor, kernel: Tensor, W: Tensor, *, stride: int = 1) -> Tensor:
    """Depthwise convolution, then a linear map a token: x[B,Hh,Ww,E] -> [B,Ho*Wo,D].

    kernel[E,k,k] with k odd, zero padded by k // 2; W[E,D]; Ho = ceil(Hh / stride), rows first. CvT
    makes queries with stride 1, keys and values with stride 2; its batch norm, which folds into
    kernel and W, is left out. Raises ValueError for shapes that do not fit.
    Source: Wu et al. 2021 (CvT), arXiv:2103.15808, eq. 2.
    """
    _check.rank("x", x, "B Hh Ww E")
    _check.same("width", "W.shape[0]", W.shape[0], "E", x.shape[3])
    dtype = _check.compute_dtype(x, kernel, W)
    mixed = depthwise(x.to(dtype).permute(0, 3, 1, 2), kernel.to(dtype), stride)
    tokens = _channels_last(mark("mixed", mixed)).flatten(1, 2)
    return (tokens @ W.to(dtype)).to(x.dtype)


def convnext_block(
    x: Tensor, kernel: Tensor, bias: Tensor, gamma: Tensor, beta: Tensor, W1: Tensor, b1: Tensor,
    W2: Tensor, b2: Tensor, scale: Tensor, *, eps: float = 1e-6,
) -> Tensor:  # fmt: skip
    """x + scale * (GELU(LN(dw(x)) W1 + b1) W2 + b2), channels last: x[B,Hh,Ww,C] -> same.

    dw is depthwise with kernel[C,k,k] (k odd, zero padded) and bias[C]; LN over channels with
    gamma[C], beta[C]; W1[C,F], b1[F], W2[F,C], b2[C]; scale[C]. Raises ValueError for shapes that
    do not fit. Source: Liu et al. 2022 (ConvNeXt), arXiv:2201.03545, figure 4.
    """
    _check.rank("x", x, "B Hh Ww C")
    for name, vector in (("bias", bias), ("scale", scale)):
        _check.same("channels", f"{name}.shape[0]", vector.shape[0], "C", x.shape[3])
    dtype = _check.compute_dtype(x, kernel, bias, gamma, beta, W1, b1, W2, b2, scale)
    y = x.to(dtype)
    mixed = depthwise(y.permute(0, 3, 1, 2), kernel.to(dtype), bias=bias.to(dtype))
    convolved = mark("convolved", _channels_last(mixed))
    normed = mark("normed", layer_norm(convolved, gamma, beta, eps=eps))
    branch = mark("branch", feed_forward(normed, W1, b1, W2, b2, activation="gelu"))
    return (y + mark("scaled", branch * scale.to(dtype))).to(x.dtype)


def convnext_block_parameters(channels: int, *, kernel: int = 7, expansion: int = 4) -> int:
    """Number of parameters of `convnext_block`: k^2 C + C, 2 C, 2 e C^2 + e C + C, C.

    Raises ValueError for sizes that are no positive integers. Source: arXiv:2201.03545.
    """
    for name, value in (("channels", channels), ("kernel", kernel), ("expansion", expansion)):
        _check.at_least(name, value, 1)
    hidden = expansion * channels
    return channels * (kernel**2 + 1 + 2 + 1) + 2 * hidden * channels + hidden + channels


def metaformer_block(
    x: Tensor, mixer: Callable[[Tensor], Tensor], gamma1: Tensor, beta1: Tensor, gamma2: Tensor,
    beta2: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, *, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """y = x + mixer(LN1(x)), z = y + FFN(LN2(y)): x[B,L,E] -> [B,L,E], whatever the mixer.

    FFN is GELU(. W1 + b1) W2 + b2 with W1[E,F], W2[F,E]. Raises ValueError for shapes that do not
    fit. Source: Yu et al. 2022 (MetaFormer), arXiv:2111.11418, eq. 2 and 3.
    """
    _check.rank("x", x, "B L E")
    dtype = _check.compute_dtype(x, gamma1, beta1, gamma2, beta2, W1, b1, W2, b2)
    y = x.to(dtype)
    mixed = mixer(mark("normed", layer_norm(y, gamma1, beta1, eps=eps)))
    y = mark("stream", y + mark("mixed", mixed))
    normed = mark("normed", layer_norm(y, gamma2, beta2, eps=eps))
    branch = mark("branch", feed_forward(normed, W1, b1, W2, b2, activation="gelu"))
    return (y + branch).to(x.dtype)


def pool_mixer(x: Tensor, *, pool_size: int = 3) -> Tensor:
    """The mean over the pool_size x pool_size neighbours inside the image, minus x[B,C,Hh,Ww].

    The block's residual adds x again. Raises ValueError for an even pool_size.
    Source: arXiv:2111.11418, eq. 4 and algorithm 1 (padding not counted).
    """
    _check.rank("x", x, "B C Hh Ww")
    _check.at_least("pool_size", pool_size, 1)
    if pool_size % 2 == 0:
        raise ValueError(f"pool_size={pool_size}: expected an odd size; use {pool_size + 1}")
    y = x.to(_check.compute_dtype(x))
    total = taps(y, pool_size, 1, pool_size // 2).sum(2)
    inside = torch.ones(1, 1, *x.shape[2:], dtype=torch.int64)
    count = taps(inside, pool_size, 1, pool_size // 2).sum(2)
    return (mark("pooled", total / count.to(y.dtype)) - y).to(x.dtype)
