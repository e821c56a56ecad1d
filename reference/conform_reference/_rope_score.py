"""The score of two rotated vectors as a function of their distance, which need not be whole."""

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference.rounding import mark


def rope_score(
    q: Tensor, k: Tensor, distance: Tensor, *, base: float = 10000.0, scaling: float = 1.0
) -> Tensor:
    """Re sum_j q_j conj(k_j) exp(i (s / scaling) theta_j): q, k[...,D], distance s[...] -> [...].

    q_j pairs features j and j + D/2 to a complex number; theta_j = base^(-2j/D). For whole s it is
    the product of rope(q) and rope(k) at two positions s apart; position interpolation
    (scaling > 1) asks for the values in between. Raises ValueError for an odd D, shapes that do not
    fit, or scaling <= 0.
    Source: Chen et al. 2023, arXiv:2306.15595, section 2.3 and theorem 2.1.
    """
    _check.divides("2", 2, "D", q.shape[-1])
    if not scaling > 0:
        raise ValueError(f"scaling={scaling!r}: expected a positive number; 1.0 changes nothing")
    if q.shape != k.shape or distance.shape != q.shape[:-1]:
        raise ValueError(
            f"q.shape={tuple(q.shape)}, k.shape={tuple(k.shape)}, distance.shape="
            f"{tuple(distance.shape)}: expected q and k [..., D] and distance [...]"
        )
    dtype = _check.compute_dtype(q, k, distance)
    half = q.shape[-1] // 2
    a, b = q.to(dtype).split(half, -1)
    c, d = k.to(dtype).split(half, -1)
    theta = torch.pow(base, -torch.arange(half, dtype=dtype, device=q.device) / half)
    angle = (distance.to(dtype) / scaling).unsqueeze(-1) * theta
    along = mark("along", mark("product", a * c) + mark("product", b * d))
    across = mark("across", mark("product", a * d) - mark("product", b * c))
    terms = mark("term", along * torch.cos(angle)) + mark("term", across * torch.sin(angle))
    return mark("terms", terms).sum(-1).to(q.dtype)
