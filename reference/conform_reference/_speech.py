"""Speech front ends: spectrogram patches, lengths after subsampling, relative shift."""

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._convolution import taps
from conform_reference._patches import _check_patch_weight, _project


def spectrogram_patch_count(frequency: int, time: int, *, patch: int = 16, stride: int = 10) -> int:
    """(floor((frequency - patch) / stride) + 1) (floor((time - patch) / stride) + 1).

    What is left over at the end is dropped. Raises ValueError for sizes that are no positive
    integers or smaller than a patch. Source: Gong et al. 2021 (AST), arXiv:2104.01778, section 2.1.
    """
    sizes = {"frequency": frequency, "time": time, "patch": patch, "stride": stride}
    for name, value in sizes.items():
        _check.at_least(name, value, 1)
    _check.at_least("frequency", frequency, patch)
    _check.at_least("time", time, patch)
    return ((frequency - patch) // stride + 1) * ((time - patch) // stride + 1)


def spectrogram_patch_embed(x: Tensor, weight: Tensor, bias: Tensor, *, stride: int = 10) -> Tensor:
    """Overlapping patches as tokens: x[B,F,T], weight[E,P,P], bias[E] -> [B,N,E].

    Patch (i, j) begins at frequency i stride and time j stride; its first weight axis is frequency;
    patches of the lowest frequencies come first, over all times. N as `spectrogram_patch_count`.
    Raises ValueError for shapes that do not fit. Source: arXiv:2104.01778, section 2.1.
    """
    _check.rank("x", x, "B F T")
    _check.rank("weight", weight, "E P P")
    _check.at_least("stride", stride, 1)
    P = _check_patch_weight(weight.unsqueeze(1), bias, 1)
    _check.at_least("F", x.shape[1], P)
    _check.at_least("T", x.shape[2], P)
    patches = taps(x.unsqueeze(1), P, stride, 0).flatten(3)[:, 0].transpose(1, 2)
    return _project(patches, weight, bias, x).to(x.dtype)


def subsampled_length(length: int, *, layers: int = 2, kernel: int = 3, stride: int = 2) -> int:
    """Frames left after `layers` unpadded convolutions: each floor((n - kernel) / stride) + 1.

    Raises ValueError for sizes that are no positive integers, or when nothing is left.
    Source: Dong et al. 2018 (Speech-Transformer), section 3.2; two 3x3 convolutions of stride 2.
    """
    sizes = {"length": length, "layers": layers, "kernel": kernel, "stride": stride}
    for name, value in sizes.items():
        _check.at_least(name, value, 1)
    left = length
    for _ in range(layers):
        if left < kernel:
            raise ValueError(f"length={length}: expected enough frames for {layers} convolutions")
        left = (left - kernel) // stride + 1
    return left


def subsampled_padding_mask(
    lengths: Tensor, L: int, *, layers: int = 2, kernel: int = 3, stride: int = 2
) -> Tensor:
    """bool[B, subsampled_length(L)]: True for the frames that a sequence of lengths[b] gives.

    Raises ValueError as `subsampled_length` for L, and for lengths outside [0, L]; a sequence too
    short for the convolutions has no frame. Source: section 3.2 of Speech-Transformer.
    """
    _check.rank("lengths", lengths, "B")
    frames = subsampled_length(L, layers=layers, kernel=kernel, stride=stride)
    outside = [n for n in lengths.tolist() if not 0 <= n <= L]
    if outside:
        raise ValueError(f"lengths={outside[0]}: expected 0 <= length <= L={L}; clip the lengths")
    left = lengths
    for _ in range(layers):
        left = torch.clamp(torch.div(left - kernel, stride, rounding_mode="floor") + 1, min=0)
    return torch.arange(frames) < left.unsqueeze(1)


def relative_shift(scores: Tensor) -> Tensor:
    """out[i, j] = scores[i, T - 1 - i + j]: scores[B,H,T,2T-1] by distance -> [B,H,T,T] by key.

    Column c of the input is the score at distance i - j = T - 1 - c: the farthest past key first.
    Raises ValueError for another shape. Source: Dai et al. 2019 (Transformer-XL), arXiv:1901.02860,
    appendix B; both directions as in speech encoders.
    """
    _check.rank("scores", scores, "B H T 2T-1")
    T = scores.shape[2]
    _check.same("width", "scores.shape[3]", scores.shape[3], "2 T - 1", 2 * T - 1)
    index = T - 1 - torch.arange(T).unsqueeze(1) + torch.arange(T)
    return torch.gather(scores, 3, index.expand(*scores.shape[:2], T, T))
