"""From images and spectrograms to tokens: patches, class token, positions."""

import math

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._convolution import added_at_once, image_by_image
from conform_reference._scores import rounding_error
from conform_reference.rounding import mark


def _check_patch_weight(weight: Tensor, bias: Tensor, channels: int) -> int:
    """The patch size of weight[E,C,P,P]; ValueError when weight or bias does not fit."""
    _check.rank("weight", weight, "E C P P")
    _check.same("number of channels", "weight.shape[1]", weight.shape[1], "C", channels)
    _check.same(
        "patch size", "weight.shape[2]", weight.shape[2], "weight.shape[3]", weight.shape[3]
    )
    _check.same("width", "bias.shape[0]", bias.shape[0], "weight.shape[0]", weight.shape[0])
    return weight.shape[2]


def _project(patches: Tensor, weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """patches[B,N,C*P*P] times the flattened weight, plus bias; in the common compute dtype."""
    _check.not_empty("C", weight.shape[1])
    dtype = _check.compute_dtype(x, weight, bias)
    B, E, read = patches.shape[0], weight.shape[0], patches.to(dtype)
    rows = image_by_image(weight.to(dtype), B).reshape(B, E, patches.shape[-1])
    # Convolutions begin their sum with the bias; a linear layer may round the product first.
    whole = torch.cat([read, torch.ones_like(read[..., :1])], -1)
    first = image_by_image(bias.to(dtype), B).reshape(B, E, 1)
    summed = whole @ torch.cat([rows, first], 2).mT + rounding_error("product", read @ rows.mT)
    return added_at_once(summed, bias.to(dtype))


def patch_embed(images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """One token a patch: images[B,C,Hh,Ww], weight[E,C,P,P], bias[E] -> [B,(Hh/P)*(Ww/P),E].

    A patch is flattened channel first, then row, then column; rows of patches first. The same as a
    convolution with kernel and stride P. Raises ValueError for sizes that P does not divide.
    Source: Dosovitskiy et al. 2021 (ViT), arXiv:2010.11929, section 3.1.
    """
    _check.rank("images", images, "B C Hh Ww")
    B, C, Hh, Ww = images.shape
    P = _check_patch_weight(weight, bias, C)
    _check.divides("P", P, "Hh", Hh)
    _check.divides("P", P, "Ww", Ww)
    grid = images.reshape(B, C, Hh // P, P, Ww // P, P)
    patches = grid.permute(0, 2, 4, 1, 3, 5).reshape(B, (Hh // P) * (Ww // P), C * P * P)
    return _project(patches, weight, bias, images).to(images.dtype)


def vit_embed(
    images: Tensor, weight: Tensor, bias: Tensor, class_token: Tensor, positions: Tensor
) -> Tensor:
    """[class_token; patch_embed(images)] + positions -> [B,1+N,E].

    class_token[E], positions[1+N,E]; the others as `patch_embed`. The class token comes first.
    Raises ValueError as `patch_embed`, and for a table of positions that does not fit.
    Source: arXiv:2010.11929, eq. 1.
    """
    dtype = _check.compute_dtype(images, weight, bias, class_token, positions)
    tokens = mark("tokens", patch_embed(images.to(dtype), weight, bias))
    B, N, E = tokens.shape
    if tuple(positions.shape) != (1 + N, E) or tuple(class_token.shape) != (E,):
        raise ValueError(
            f"positions.shape={tuple(positions.shape)}, class_token.shape="
            f"{tuple(class_token.shape)}: expected {(1 + N, E)} and {(E,)}; interpolate the "
            f"positions for another image size"
        )
    first = class_token.to(dtype).expand(B, 1, E)
    return (torch.cat([first, tokens], 1) + positions.to(dtype)).to(images.dtype)


def vit_sequence_length(
    height: int, width: int, patch: int, *, class_token: bool = True, registers: int = 0
) -> int:
    """(height / patch) * (width / patch), plus one for a class token, plus the registers.

    Raises ValueError for sizes that are no positive multiples of the patch.
    Source: arXiv:2010.11929, section 3.1; registers: Darcet et al. 2024, arXiv:2309.16588.
    """
    for name, value in (("height", height), ("width", width), ("patch", patch)):
        _check.at_least(name, value, 1)
    _check.at_least("registers", registers, 0)
    _check.divides("patch", patch, "height", height)
    _check.divides("patch", patch, "width", width)
    return (height // patch) * (width // patch) + int(class_token) + registers


def vit_encoder_flops(tokens: int, width: int, layers: int) -> int:
    """layers * (24 n D^2 + 4 n^2 D) floating-point operations of an encoder with F = 4 D.

    A multiply-add counts twice; norms, biases and the softmax are left out. Raises ValueError for
    sizes that are no positive integers. Source: two FLOPs for each token and each of
    12 D^2 weights, and for the 2 n D products of a query with keys and values.
    """
    for name, value in (("tokens", tokens), ("width", width), ("layers", layers)):
        _check.at_least(name, value, 1)
    return layers * (24 * tokens * width**2 + 4 * tokens**2 * width)


def _cubic(t: Tensor) -> Tensor:
    """Keys' kernel with a = -3/4 at distance |t|, as image libraries have it."""
    a, t = -0.75, t.abs()
    near = ((a + 2) * t - (a + 3)) * t * t + 1
    far = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
    return torch.where(t <= 1, near, torch.where(t < 2, far, 0.0))


def _resample(size: int, out: int, mode: str, dtype: torch.dtype) -> Tensor:
    """[out, size]: weights of the old points at each new one, half-pixel centres, edges held."""
    if size == out:
        return torch.eye(size, dtype=dtype)
    centres = torch.tensor([(i + 0.5) * size / out - 0.5 for i in range(out)], dtype=dtype)
    centres = mark("float32.coordinates", centres)
    # Far enough beyond the edges for every tap; what lies outside belongs to the edge.
    points = torch.arange(-2, size + 2, dtype=dtype)
    distance = centres.unsqueeze(1) - points
    weights = _cubic(distance) if mode == "bicubic" else torch.clamp(1 - distance.abs(), min=0.0)
    holder = torch.nn.functional.one_hot(points.long().clamp(0, size - 1), size).to(dtype)
    return mark("weights", weights @ holder)


def interpolate_positions(
    positions: Tensor, height: int, width: int, *, mode: str = "bicubic"
) -> Tensor:
    """positions[1+G*G,E], resampled for a grid of height x width patches -> [1+height*width,E].

    Row 0, the class token's, stays as it is; the others form a G x G grid, rows first, resampled
    with half-pixel centres (align_corners=False), no antialiasing. mode: bicubic (a = -3/4) or
    bilinear. Raises ValueError when the rows but one are no square.
    Source: arXiv:2010.11929, section 3.2, which leaves the kernel open.
    """
    _check.rank("positions", positions, "1+G*G E")
    _check.at_least("height", height, 1)
    _check.at_least("width", width, 1)
    if mode not in ("bicubic", "bilinear"):
        raise ValueError(f"mode={mode!r}: expected 'bicubic' or 'bilinear'")
    side = math.isqrt(max(positions.shape[0] - 1, 0))
    if side < 1 or side * side + 1 != positions.shape[0]:
        raise ValueError(
            f"positions.shape[0]={positions.shape[0]}: expected 1 + G * G, a class token and a "
            f"square grid"
        )
    dtype = _check.compute_dtype(positions)
    table = positions.to(dtype)
    grid = table[1:].reshape(side, side, -1)
    rows = torch.einsum("hg,gwe->hwe", _resample(side, height, mode, dtype), grid)
    across = _resample(side, width, mode, dtype)
    both = torch.einsum("wg,hge->hwe", across, mark("resampled_rows", rows))
    return torch.cat([table[:1], both.reshape(height * width, -1)]).to(positions.dtype)
