"""Convolution over images as unfold and matmul, its cost, and kernels folded into one another."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from conform_reference import _check
from conform_reference._scores import rounding_error
from conform_reference.rounding import another_order, injected, mark


def taps(x: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
    """x[B,C,Hh,Ww] -> [B,C,kernel^2,Ho,Wo]: what each tap of the kernel reads, zero padded."""
    _check.at_least("kernel", kernel, 1)
    _check.at_least("stride", stride, 1)
    _check.at_least("padding", padding, 0)
    x = pad(x, (padding, padding, padding, padding))
    high, wide = x.shape[-2] - kernel, x.shape[-1] - kernel
    if high < 0 or wide < 0:
        raise ValueError(
            f"kernel={kernel}, padded size={tuple(x.shape[-2:])}: expected the kernel to fit; "
            f"pad more"
        )
    read = []
    for u in range(kernel):
        for v in range(kernel):
            read.append(x[..., u : u + high + 1 : stride, v : v + wide + 1 : stride])
            # PyTorch adds the gradients of the taps up one by one, in the input's dtype on a CPU.
            x = mark("backward.partial", x)
    # Some implementations store the gradient of every tap before they add them up.
    return mark("backward.taps", torch.stack(read, 2))


def image_by_image(weight: Tensor, images: int) -> Tensor:
    """[images, elements of weight]: its gradient may be added up over images in its own dtype."""
    return mark("backward.sum.kernel", weight.reshape(1, -1).expand(images, -1))


def added_at_once(result: Tensor, bias: Tensor) -> Tensor:
    """`result`, whose `bias` (as it broadcasts) may also learn by one sum over images and pixels.

    (One lane of thousands of terms; equal images are rounded alike all along it.)
    """
    return another_order(result, lambda: bias.expand_as(result))


def _tile(x: Tensor, weight: Tensor, padding: int, groups: int) -> Tensor:
    """What a transformed product adds up for each output pixel, all of it taken as positive.

    Winograd's F(2x2, 3x3) mixes the 4 x 4 pixels of a tile, and the nine taps, before it
    multiplies; the tile lies within one pixel around a window of 3 x 3.
    """
    dtype = _check.compute_dtype(x, weight)
    pixels = pad(x.detach().to(dtype).abs(), (padding + 1,) * 4)
    pixels = pixels.unfold(2, 5, 1).unfold(3, 5, 1).sum((-2, -1))
    rows = weight.detach().to(dtype).abs().sum((2, 3))
    grouped = pixels.unflatten(1, (groups, -1)), rows.unflatten(0, (groups, -1))
    return torch.einsum("bgchw,goc->bgohw", *grouped).flatten(1, 2)


def conv2d(
    x: Tensor, weight: Tensor, bias: Tensor, *, stride: int = 1, padding: int = 0, groups: int = 1
) -> Tensor:
    """y[o,i,j] = b_o + sum w[o,c,u,v] x[c, i s + u - p, j s + v - p]: x[B,C,Hh,Ww] -> [B,O,Ho,Wo].

    weight[O,C/groups,k,k], bias[O]; zeros beyond the border; no flip of the kernel. Output channel
    o reads the C/groups channels of its group. Raises ValueError for shapes that do not fit.
    Source: LeCun et al. 1998; cross-correlation, as every deep-learning library computes it.
    """
    _check.rank("x", x, "B C Hh Ww")
    _check.rank("weight", weight, "O C/groups k k")
    _check.at_least("groups", groups, 1)
    _check.divides("groups", groups, "C", x.shape[1])
    _check.divides("groups", groups, "O", weight.shape[0])
    _check.same("channels", "weight.shape[1]", weight.shape[1], "C/groups", x.shape[1] // groups)
    _check.same("kernel", "weight.shape[2]", weight.shape[2], "weight.shape[3]", weight.shape[3])
    _check.same("channels", "bias.shape[0]", bias.shape[0], "weight.shape[0]", weight.shape[0])
    _check.not_empty("C/groups", weight.shape[1])
    _check.not_empty("O", weight.shape[0])
    dtype = _check.compute_dtype(x, weight, bias)
    read = taps(x.to(dtype), weight.shape[2], stride, padding)
    B, out, high, wide = x.shape[0], weight.shape[0], read.shape[-2], read.shape[-1]
    terms = weight[0].numel()
    columns = read.reshape(B, groups, terms, high * wide)
    rows = image_by_image(weight.to(dtype), B).reshape(B, groups, out // groups, terms)
    first = image_by_image(bias.to(dtype), B).reshape(B, groups, out // groups, 1)
    # Many implementations begin their sum with the bias, others round the product first.
    whole = torch.cat([columns, torch.ones_like(columns[:, :, :1])], 2)
    summed = torch.cat([rows, first], 3) @ whole + rounding_error("product", rows @ columns)
    summed = added_at_once(summed.reshape(B, out, high, wide), bias.to(dtype).reshape(-1, 1, 1))
    if injected() and stride == 1 and weight.shape[2] == 3:
        summed = summed + rounding_error("float32.tile", _tile(x, weight, padding, groups))
    return summed.to(x.dtype)


def depthwise(x: Tensor, weight: Tensor, stride: int = 1, bias: Tensor | None = None) -> Tensor:
    """x[B,C,Hh,Ww] with one kernel[k,k] a channel, k odd, zero padded by k // 2, plus bias[C]."""
    kernel = weight.shape[-1]
    if kernel % 2 == 0 or weight.shape != (x.shape[1], kernel, kernel):
        raise ValueError(
            f"depthwise.shape={tuple(weight.shape)}: expected (C={x.shape[1]}, k, k) with k odd"
        )
    read = taps(x, kernel, stride, kernel // 2)
    shared = image_by_image(weight, x.shape[0]).reshape(*x.shape[:2], kernel * kernel, 1, 1)
    terms = read * shared
    if bias is None:
        return terms.sum(2)
    first = (
        image_by_image(bias, x.shape[0]).reshape(*x.shape[:2], 1, 1, 1).expand_as(terms[:, :, :1])
    )
    summed = torch.cat([first, terms], 2).sum(2) + rounding_error("convolution", terms.sum(2))
    return added_at_once(summed, bias.reshape(-1, 1, 1))


def merge_kernels(large: Tensor, small: Tensor) -> Tensor:
    """large[...,K,K] + small[...,k,k] zero-padded to its middle: one kernel for two branches.

    Raises ValueError for a small kernel that is larger, or whose middle is no grid point of large.
    Source: Ding et al. 2022 (RepLKNet), arXiv:2203.06717, section 3.1 and its public code.
    """
    gap = large.shape[-1] - small.shape[-1]
    if large.dim() < 2 or large.shape[:-2] != small.shape[:-2] or gap < 0 or gap % 2:
        raise ValueError(
            f"large.shape={tuple(large.shape)}, small.shape={tuple(small.shape)}: expected the "
            f"same channels, and kernel sizes that differ by an even number, small <= large"
        )
    dtype = _check.compute_dtype(large, small)
    middle = pad(small.to(dtype), (gap // 2,) * 4)
    return (large.to(dtype) + middle).to(large.dtype)


def fold_batch_norm(
    weight: Tensor,
    gamma: Tensor,
    beta: Tensor,
    mean: Tensor,
    variance: Tensor,
    *,
    eps: float = 1e-5,
) -> tuple[Tensor, Tensor]:
    """(weight gamma / sqrt(variance + eps), beta - mean gamma / sqrt(variance + eps)).

    weight[O,...] of a convolution without bias, followed by batch norm in inference with
    gamma, beta, mean, variance[O]; the result is the weight and the bias of a convolution alone.
    Raises ValueError for vectors that do not fit. Source: arXiv:2203.06717, public code.
    """
    vectors = {"gamma": gamma, "beta": beta, "mean": mean, "variance": variance}
    for name, vector in vectors.items():
        if tuple(vector.shape) != (weight.shape[0],):
            raise ValueError(
                f"{name}.shape={tuple(vector.shape)}: expected ({weight.shape[0]},), one a channel"
            )
    dtype = _check.compute_dtype(weight, gamma, beta, mean, variance)
    deviation = mark("deviation", torch.sqrt(mark("variance", variance.to(dtype) + eps)))
    factor = mark("factor", gamma.to(dtype) / deviation)
    shape = (-1,) + (1,) * (weight.dim() - 1)
    # What comes back to the factor from its two uses may be rounded before it is added up.
    first, second = (mark("backward.partial", factor) for _ in range(2))
    spread = mark("backward.products", first.reshape(shape).expand_as(weight))
    scaled = weight.to(dtype) * spread
    shift = mark("shift", mean.to(dtype) * second)
    return scaled.to(weight.dtype), (beta.to(dtype) - shift).to(weight.dtype)


def shift_attention(height: int, width: int, kernel: int) -> Tensor:
    """float32[kernel^2, N, N], N = height width: attention weights that express a convolution.

    Head (u, v), rows of the kernel first, attends from pixel p to pixel p + (u, v) - kernel // 2
    alone, and to nothing where that lies outside. Raises ValueError for an even kernel.
    Source: Cordonnier et al. 2020, arXiv:1911.03584, theorem 1; claim CMU-181.
    """
    for name, value in (("height", height), ("width", width), ("kernel", kernel)):
        _check.at_least(name, value, 1)
    if kernel % 2 == 0:
        raise ValueError(f"kernel={kernel}: expected an odd size; use {kernel + 1}")
    row, column = torch.arange(height).repeat_interleave(width), torch.arange(width).repeat(height)
    down, across = row - row.unsqueeze(1), column - column.unsqueeze(1)
    steps = range(-(kernel // 2), kernel // 2 + 1)
    return torch.stack([(down == u) & (across == v) for u in steps for v in steps]).float()


def pooled_classifier(features: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """mean over pixels of features[B,C,Hh,Ww], times W[C,K], plus b[K] -> [B,K].

    Raises ValueError for weights that do not fit. Source: Lin et al. 2014, arXiv:1312.4400.
    """
    _check.rank("features", features, "B C Hh Ww")
    _check.same("channels", "W.shape[0]", W.shape[0], "C", features.shape[1])
    _check.same("classes", "b.shape[0]", b.shape[0], "W.shape[1]", W.shape[1])
    dtype = _check.compute_dtype(features, W, b)
    pooled = mark("pooled", features.to(dtype).mean((2, 3)))
    return (mark("product", pooled @ W.to(dtype)) + b.to(dtype)).to(features.dtype)
