"""Mistakes in blocks between convolution and attention."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d

from conform_reference import vision as right
from conform_reference._convolution import depthwise
from conform_reference.feed_forward import feed_forward
from conform_reference.norm import layer_norm


def projection_border_zero(x: Tensor, kernel: Tensor, W: Tensor, *, stride: int = 1) -> Tensor:
    """Tokens whose neighbourhood leaves the image are zero."""
    out = right.conv_projection(x, kernel, W)
    Hh, Ww, n = x.shape[1], x.shape[2], kernel.shape[-1] // 2
    inside = torch.zeros(Hh, Ww, dtype=torch.bool)
    inside[n : Hh - n, n : Ww - n] = True
    grid = torch.where(inside.unsqueeze(2), out.unflatten(1, (Hh, Ww)), 0.0)
    return grid[:, ::stride, ::stride].flatten(1, 2)


def projection_columns_first(x: Tensor, kernel: Tensor, W: Tensor, *, stride: int = 1) -> Tensor:
    """The tokens are listed column by column."""
    return right.conv_projection(x.transpose(1, 2), kernel.transpose(1, 2), W, stride=stride)


def projection_stride_late(x: Tensor, kernel: Tensor, W: Tensor, *, stride: int = 1) -> Tensor:
    """The last token of each stride is taken."""
    Hh, Ww = x.shape[1:3]
    grid = right.conv_projection(x, kernel, W).unflatten(1, (Hh, Ww))
    rows = (torch.arange(0, Hh, stride) + stride - 1).clamp(max=Hh - 1)
    columns = (torch.arange(0, Ww, stride) + stride - 1).clamp(max=Ww - 1)
    return grid[:, rows][:, :, columns].flatten(1, 2)


def _convnext(kind: str, *args: Tensor, eps: float) -> Tensor:
    x, kernel, bias, gamma, beta, W1, b1, W2, b2, scale = args
    right.convnext_block(*args, eps=eps)

    def norm(y: Tensor) -> Tensor:
        if kind == "none":
            return y
        if kind == "pixels":
            variance, mean = torch.var_mean(y, (1, 2), correction=0, keepdim=True)
            return (y - mean) * torch.rsqrt(variance + eps) * gamma + beta
        return layer_norm(y, gamma, beta, eps=eps)

    y = norm(x) if kind == "first" else x
    y = depthwise(y.permute(0, 3, 1, 2), kernel).permute(0, 2, 3, 1) + bias
    y = y if kind == "first" else norm(y)
    form = "relu" if kind == "relu" else "gelu"
    return x + scale * feed_forward(y, W1, b1, W2, b2, activation=form)


def convnext_norm_first(*args: Tensor, eps: float = 1e-6) -> Tensor:
    """The norm comes before the convolution."""
    return _convnext("first", *args, eps=eps)


def convnext_norm_over_pixels(*args: Tensor, eps: float = 1e-6) -> Tensor:
    """An instance norm."""
    return _convnext("pixels", *args, eps=eps)


def convnext_relu(*args: Tensor, eps: float = 1e-6) -> Tensor:
    """The activation of ResNets."""
    return _convnext("relu", *args, eps=eps)


def convnext_no_norm(*args: Tensor, eps: float = 1e-6) -> Tensor:
    """The norm is forgotten."""
    return _convnext("none", *args, eps=eps)


Mixer = Callable[[Tensor], Tensor]


def _metaformer(kind: str, x: Tensor, mixer: Mixer, *args: Tensor, eps: float) -> Tensor:
    gamma1, beta1, gamma2, beta2, W1, b1, W2, b2 = args
    form = "relu" if kind == "relu" else "gelu"

    def mlp(y: Tensor) -> Tensor:
        return feed_forward(y, W1, b1, W2, b2, activation=form)

    if kind == "post":
        y = layer_norm(x + mixer(x), gamma1, beta1, eps=eps)
        return layer_norm(y + mlp(y), gamma2, beta2, eps=eps)
    y = x + mixer(x if kind == "raw" else layer_norm(x, gamma1, beta1, eps=eps))
    branch = mlp(layer_norm(x if kind == "parallel" else y, gamma2, beta2, eps=eps))
    return branch if kind == "one residual" else y + branch


def metaformer_raw_mixer(x: Tensor, mixer: Mixer, *args: Tensor, eps: float = 1e-5) -> Tensor:
    """The mixer reads the stream itself."""
    return _metaformer("raw", x, mixer, *args, eps=eps)


def metaformer_parallel(x: Tensor, mixer: Mixer, *args: Tensor, eps: float = 1e-5) -> Tensor:
    """Both branches read the input."""
    return _metaformer("parallel", x, mixer, *args, eps=eps)


def metaformer_no_second_residual(
    x: Tensor, mixer: Mixer, *args: Tensor, eps: float = 1e-5
) -> Tensor:
    """The feed-forward replaces the stream."""
    return _metaformer("one residual", x, mixer, *args, eps=eps)


def metaformer_post_norm(x: Tensor, mixer: Mixer, *args: Tensor, eps: float = 1e-5) -> Tensor:
    """The norms follow the additions."""
    return _metaformer("post", x, mixer, *args, eps=eps)


def metaformer_relu(x: Tensor, mixer: Mixer, *args: Tensor, eps: float = 1e-5) -> Tensor:
    """ReLU instead of GELU."""
    return _metaformer("relu", x, mixer, *args, eps=eps)


def pool_counts_padding(x: Tensor, *, pool_size: int = 3) -> Tensor:
    """Zeros beyond the border take part in the mean."""
    return avg_pool2d(x, pool_size, 1, pool_size // 2, count_include_pad=True) - x


def pool_maximum(x: Tensor, *, pool_size: int = 3) -> Tensor:
    """The largest neighbour."""
    return max_pool2d(x, pool_size, 1, pool_size // 2) - x


def pool_rows_only(x: Tensor, *, pool_size: int = 3) -> Tensor:
    """Neighbours above and below alone."""
    window, padding = (pool_size, 1), (pool_size // 2, 0)
    return avg_pool2d(x, window, 1, padding, count_include_pad=False) - x
