"""Pruning, distillation, separable convolution and compound scaling."""

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._convolution import image_by_image, taps
from conform_reference._cross_entropy import log_softmax
from conform_reference.rounding import mark


def magnitude_mask(w: Tensor, *, ratio: float) -> Tensor:
    """True for the weights that stay: all but the floor(ratio * n) smallest in magnitude.

    w[...] -> bool[...]; among equal magnitudes any may go. Raises ValueError for a ratio outside of
    0..1. Source: Han et al. 2015, arXiv:1506.02626.
    """
    if not 0 <= ratio <= 1:
        raise ValueError(f"ratio={ratio!r}: expected a share between 0 and 1")
    flat = torch.abs(w.detach()).reshape(-1)
    order = torch.sort(flat, stable=True).indices
    rank = torch.empty_like(order).scatter(0, order, torch.arange(flat.numel(), device=w.device))
    return (rank >= int(ratio * flat.numel())).reshape(w.shape)


def prune_hidden_units(
    W1: Tensor, b1: Tensor, W2: Tensor, keep: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """A feed-forward block without some hidden units: (W1[:, keep], b1[keep], W2[keep]).

    W1[E,F], b1[F], W2[F,E], keep int[M]. Raises ValueError for shapes that do not fit.
    Source: structured pruning as in Li et al. 2016, arXiv:1608.08710.
    """
    _check.rank("W1", W1, "E F")
    _check.rank("W2", W2, "F E")
    _check.same("hidden units", "W1.shape[1]", W1.shape[1], "b1.shape[0]", b1.shape[0])
    _check.same("hidden units", "W1.shape[1]", W1.shape[1], "W2.shape[0]", W2.shape[0])
    return W1.index_select(1, keep), b1.index_select(0, keep), W2.index_select(0, keep)


def distillation_loss(student: Tensor, teacher: Tensor, *, temperature: float = 1.0) -> Tensor:
    """T^2 KL(softmax(teacher / T) || softmax(student / T)), mean over the batch: [B,C] -> scalar.

    Raises ValueError for shapes that differ or a temperature that is not positive. Source: Hinton
    et al. 2015, arXiv:1503.02531, section 2 (soft targets alone).
    """
    if student.shape != teacher.shape or student.dim() != 2:
        raise ValueError(
            f"student.shape={tuple(student.shape)}, teacher.shape={tuple(teacher.shape)}: expected "
            f"the same [B, C]"
        )
    if not temperature > 0:
        raise ValueError(f"temperature={temperature!r}: expected a positive number")
    dtype = _check.compute_dtype(student, teacher)
    by_student = log_softmax(mark("tempered", student.to(dtype) / temperature), -1)
    by_teacher = log_softmax(mark("tempered", teacher.to(dtype) / temperature), -1)
    gap = mark("gap", by_teacher - by_student)
    terms = mark("terms", mark("target", torch.exp(by_teacher)) * gap)
    mean = mark("mean", torch.sum(mark("sample", torch.sum(terms, -1))) / student.shape[0])
    return (temperature**2 * mean).to(student.dtype)


def depthwise_separable_convolution(x: Tensor, depthwise: Tensor, pointwise: Tensor) -> Tensor:
    """A k x k filter for each channel, then a 1 x 1 mix: x[B,C,H,W] -> [B,O,H-k+1,W-k+1].

    depthwise[C,k,k], pointwise[C,O], no padding, correlation as in deep learning. Raises ValueError
    for shapes that do not fit. Source: Howard et al. 2017, arXiv:1704.04861, section 3.1 (without
    its norms and ReLUs).
    """
    _check.rank("x", x, "B C H W")
    _check.rank("depthwise", depthwise, "C k k")
    _check.rank("pointwise", pointwise, "C O")
    _check.same("channels", "x.shape[1]", x.shape[1], "depthwise.shape[0]", depthwise.shape[0])
    _check.same("channels", "x.shape[1]", x.shape[1], "pointwise.shape[0]", pointwise.shape[0])
    k = depthwise.shape[1]
    if min(x.shape[2:]) < k:
        raise ValueError(f"x.shape={tuple(x.shape)}: expected sides of at least {k}; pad x")
    dtype = _check.compute_dtype(x, depthwise, pointwise)
    B = x.shape[0]
    filters = image_by_image(depthwise.to(dtype), B).reshape(*x.shape[:2], k * k, 1, 1)
    middle = mark("depthwise", (taps(x.to(dtype), k, 1, 0) * filters).sum(2))
    mix = image_by_image(pointwise.to(dtype), B).reshape(B, *pointwise.shape)
    return torch.einsum("bcyx,bco->boyx", middle, mix).to(x.dtype)


def convolution_cost(
    *, channels_in: int, channels_out: int, kernel: int, positions: int = 1, separable: bool = False
) -> int:
    """Multiply-accumulates of a convolution at `positions` places (its weights for 1 place).

    Dense: C_in C_out k^2; separable: C_in k^2 + C_in C_out. Raises ValueError for sizes that are
    not positive integers. Source: Howard et al. 2017, arXiv:1704.04861, section 3.1.
    """
    for name, value in (
        ("channels_in", channels_in), ("channels_out", channels_out), ("kernel", kernel),
        ("positions", positions),
    ):  # fmt: skip
        _check.at_least(name, value, 1)
    if separable:
        return (channels_in * kernel**2 + channels_in * channels_out) * positions
    return channels_in * channels_out * kernel**2 * positions


def compound_scaling(
    phi: float, *, alpha: float = 1.2, beta: float = 1.1, gamma: float = 1.15
) -> tuple[float, float, float, float]:
    """Factors of (depth, width, resolution, cost): alpha^phi, beta^phi, gamma^phi, and of FLOPs.

    cost = (alpha beta^2 gamma^2)^phi, near 2^phi. Raises ValueError for bases that are not
    positive. Source: Tan and Le 2019, arXiv:1905.11946, eq. 3.
    """
    for name, base in (("alpha", alpha), ("beta", beta), ("gamma", gamma)):
        if not base > 0:
            raise ValueError(f"{name}={base!r}: expected a positive number")
    cost = (alpha * beta**2 * gamma**2) ** phi
    return float(alpha**phi), float(beta**phi), float(gamma**phi), float(cost)
