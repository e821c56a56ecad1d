"""Mistakes in norms, similarities and attention maps of patch tokens."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import pad

from conform_reference import vision as right


def norms_in_half(tokens: Tensor, *, first_patch: int = 1) -> Tensor:
    """Squares beyond 65504 become infinite."""
    half = tokens[:, first_patch:].to(torch.float16)
    return half.square().sum(-1).sqrt().to(tokens.dtype)


def norms_over_tokens(tokens: Tensor, *, first_patch: int = 1) -> Tensor:
    """Each channel's norm, cut or repeated to one for each token."""
    channels = tokens[:, first_patch:].square().sum(1).sqrt()
    index = torch.arange(tokens.shape[1] - first_patch) % channels.shape[1]
    return channels[:, index]


def norms_relative(tokens: Tensor, *, first_patch: int = 1) -> Tensor:
    """The largest norm of each image is 1."""
    norms = right.patch_norms(tokens, first_patch=first_patch)
    if norms.shape[1] == 0:
        return norms
    return norms / norms.amax(1, keepdim=True).clamp(min=1e-6)


def _neighbours(x: Tensor, kind: str) -> Tensor:
    """Cosine sums and counts by explicit shifts."""
    unit = x if kind == "raw" else x / x.norm(dim=-1, keepdim=True)
    total, count = torch.zeros_like(x[..., 0]), torch.zeros_like(x[..., 0])
    ones = torch.ones_like(x[..., 0])
    for dim in (2,) if kind == "rows" else (1, 2):
        for step in (1, -1):
            if kind == "wrapped":
                other, there = torch.roll(unit, step, dim), ones
            else:
                before, after = max(step, 0), max(-step, 0)
                size = (before, after) if dim == 2 else (0, 0, before, after)
                n, start = x.shape[dim], max(-step, 0)
                cut = unit.narrow(dim, start, n - 1)
                other = pad(cut, (0, 0, *size))
                there = pad(ones.narrow(dim, start, n - 1), size)
            total, count = total + (unit * other).sum(-1), count + there
    if kind == "sum":
        return total
    return total / (4 if kind == "four" else count)


def similarity_over_four(x: Tensor) -> Tensor:
    """Always divided by four."""
    return _neighbours(x, "four")


def similarity_wrapped(x: Tensor) -> Tensor:
    """The left border's neighbour is the right border."""
    return _neighbours(x, "wrapped")


def similarity_unnormalised(x: Tensor) -> Tensor:
    """Dot products."""
    return _neighbours(x, "raw")


def similarity_summed(x: Tensor) -> Tensor:
    """Not divided by the number of neighbours."""
    return _neighbours(x, "sum")


def similarity_in_rows(x: Tensor) -> Tensor:
    """Left and right neighbours alone."""
    return _neighbours(x, "rows")


def _edges(x: Tensor) -> int:
    return (x.shape[1] - 1) * x.shape[2] + x.shape[1] * (x.shape[2] - 1)


def smoothness_wrapped(x: Tensor) -> Tensor:
    """Opposite borders are neighbours."""
    steps = [(x - torch.roll(x, 1, dim)).square().sum((1, 2, 3)) for dim in (1, 2)]
    return (steps[0] + steps[1]) / (2 * x.shape[1] * x.shape[2])


def smoothness_of_lengths(x: Tensor) -> Tensor:
    """Distances instead of their squares."""
    steps = [torch.diff(x, dim=dim).square().sum(-1).sqrt().sum((1, 2)) for dim in (1, 2)]
    return (steps[0] + steps[1]) / _edges(x)


def smoothness_in_columns(x: Tensor) -> Tensor:
    """Vertical edges alone."""
    return torch.diff(x, dim=1).square().sum((1, 2, 3)) / max((x.shape[1] - 1) * x.shape[2], 1)


def map_of_patches_alone(
    q: Tensor, k: Tensor, *, height: int, width: int, first_patch: int = 1
) -> Tensor:
    """The class token and the registers are left out of the softmax."""
    full = right.class_attention_map(q, k, height=height, width=width, first_patch=first_patch)
    return full / full.sum((2, 3), keepdim=True)


def map_of_scores(q: Tensor, k: Tensor, *, height: int, width: int, first_patch: int = 1) -> Tensor:
    """Scaled scores."""
    scores = (q[:, :, :1] / math.sqrt(q.shape[-1]) @ k.transpose(-1, -2))[:, :, 0]
    return scores[..., first_patch : first_patch + height * width].unflatten(-1, (height, width))


def _distance(
    weights: Tensor, height: int, width: int, patch: int, apart: Callable[[Tensor], Tensor]
) -> Tensor:
    right.mean_attention_distance(weights, height=height, width=width, patch=patch)
    index = torch.arange(height * width)
    place = torch.stack([index // width, index % width], 1).to(weights.dtype)
    return (weights * apart(place.unsqueeze(1) - place) * patch).sum(-1).mean(-1)


def distance_squared(weights: Tensor, *, height: int, width: int, patch: int = 16) -> Tensor:
    """The root is forgotten."""
    return _distance(weights, height, width, patch, lambda d: d.square().sum(-1))


def distance_manhattan(weights: Tensor, *, height: int, width: int, patch: int = 16) -> Tensor:
    """Rows plus columns."""
    return _distance(weights, height, width, patch, lambda d: d.abs().sum(-1))


def distance_along_sequence(weights: Tensor, *, height: int, width: int, patch: int = 16) -> Tensor:
    """The difference of the tokens' numbers."""
    return _distance(weights, height, width, patch, lambda d: (d[..., 0] * width + d[..., 1]).abs())


def _cka(x: Tensor, y: Tensor, axis: int | None = 0) -> tuple[Tensor, Tensor, Tensor]:
    if axis is not None:
        x, y = x - x.mean(axis, keepdim=True), y - y.mean(axis, keepdim=True)
    return (y.T @ x).norm(), (x.T @ x).norm(), (y.T @ y).norm()


def cka_uncentred(x: Tensor, y: Tensor) -> Tensor:
    """Means stay in the features."""
    cross, first, second = _cka(x, y, None)
    return cross**2 / (first * second)


def cka_root(x: Tensor, y: Tensor) -> Tensor:
    """|Y^T X| over the norms' product."""
    cross, first, second = _cka(x, y)
    return cross / (first * second)


def cka_wrong_axis(x: Tensor, y: Tensor) -> Tensor:
    """Each example is centred instead of each feature."""
    cross, first, second = _cka(x, y, 1)
    return cross**2 / (first * second)


def cka_unnormalised(x: Tensor, y: Tensor) -> Tensor:
    """The numerator alone."""
    return _cka(x, y)[0] ** 2


def cka_one_sided(x: Tensor, y: Tensor) -> Tensor:
    """Divided by |X^T X| squared."""
    cross, first, _ = _cka(x, y)
    return cross**2 / first**2
