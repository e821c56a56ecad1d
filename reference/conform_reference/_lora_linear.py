"""Low-rank updates of a frozen linear map: forward pass, merge, initialisation, truncation."""

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._scores import rounding_error
from conform_reference.rounding import mark


def factors(A: Tensor, B: Tensor, shape: tuple[int, int] | None = None) -> int:
    """The rank of the factors A[r, in], B[out, r] of an update [out, in]; ValueError else."""
    _check.rank("A", A, "r in")
    _check.rank("B", B, "out r")
    _check.same("rank", "A.shape[0]", A.shape[0], "B.shape[1]", B.shape[1])
    _check.at_least("rank", A.shape[0], 1)
    if shape is not None and shape != (B.shape[0], A.shape[1]):
        raise ValueError(
            f"W0.shape={shape}: expected {(B.shape[0], A.shape[1])}, (out, in) of B and A; "
            f"transpose W0 if it is stored [in, out]"
        )
    return A.shape[0]


def reads(x: Tensor, A: Tensor) -> None:
    """x[..., in] must be as wide as the rows of A[r, in]."""
    if x.dim() < 1 or x.shape[-1] != A.shape[1]:
        raise ValueError(
            f"x.shape={tuple(x.shape)}, A.shape={tuple(A.shape)}: expected x [..., in] and A "
            f"[r, in]; transpose A if it is stored [in, r]"
        )


def two_branches(x: Tensor, W: Tensor, A: Tensor, B: Tensor, scaling: float) -> Tensor:
    """x W^T + scaling x A^T B^T, all of one dtype; a merged weight may be rounded instead."""
    base = mark("base", mark("backward.base_input", x) @ W.T)
    inner = mark("inner", x @ A.T)
    update = mark("scaled", scaling * mark("update", inner @ B.T))
    # Merging first rounds the weight and not the branches.
    weight = W + mark("scaled_delta", scaling * mark("delta", B @ A))
    error = rounding_error("weight", weight) + rounding_error("scaled_factor", scaling * B) @ A
    return base + update + x @ error.T


def lora_linear(x: Tensor, W0: Tensor, A: Tensor, B: Tensor, *, alpha: float) -> Tensor:
    """x W0^T + (alpha / r) x A^T B^T for x[..., in], W0[out, in], A[r, in], B[out, r].

    Returns [..., out]. r may exceed in and out (no gain). Raises ValueError for shapes that do not
    fit or r = 0. Source: Hu et al. 2021, arXiv:2106.09685, eq. 3 and section 4.1; the decks leave
    out alpha / r.
    """
    rank = factors(A, B, tuple(W0.shape))
    reads(x, A)
    dtype = _check.compute_dtype(x, W0, A, B)
    wide = (t.to(dtype) for t in (x, W0, A, B))
    return two_branches(*wide, alpha / rank).to(x.dtype)


def lora_merge(W0: Tensor, A: Tensor, B: Tensor, *, alpha: float) -> Tensor:
    """W0 + (alpha / r) B A -> [out, in], the single weight that replaces the two branches.

    Raises ValueError for shapes that do not fit. Source: arXiv:2106.09685, section 4.1.
    """
    rank = factors(A, B, tuple(W0.shape))
    dtype = _check.compute_dtype(W0, A, B)
    a, b, scaling = A.to(dtype), B.to(dtype), alpha / rank
    delta = mark("scaled_delta", scaling * mark("delta", b @ a))
    # The terms of the product may be added to W0 one by one.
    base = W0.to(dtype)
    base = base + rank**0.5 * rounding_error("float32.base", base)
    return (base + delta + rounding_error("scaled_factor", scaling * b) @ a).to(W0.dtype)


def lora_init(out: int, in_: int, rank: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Fresh factors A[rank, in] ~ N(0, 1 / in) and B[out, rank] = 0, in float32.

    A is a function of the seed alone. Raises ValueError for sizes below 1. Source:
    arXiv:2106.09685, section 4.1, which fixes neither the variance nor, in its code, the shape of
    the distribution (Kaiming-uniform).
    """
    for name, size in (("out", out), ("in_", in_), ("rank", rank)):
        _check.at_least(name, size, 1)
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rank, in_, generator=generator) / in_**0.5, torch.zeros(out, rank)


def dylora_linear(
    x: Tensor, W0: Tensor, A: Tensor, B: Tensor, *, alpha: float, rank: int
) -> Tensor:
    """lora_linear with the first `rank` rows of A and columns of B, scaling alpha / rank.

    x[..., in], W0[out, in], A[r, in], B[out, r], 1 <= rank <= r -> [..., out]. Raises ValueError
    for another rank. Source: Valipour et al. 2022, arXiv:2210.07558, section 4 (the deck: Valipou).
    """
    most = factors(A, B, tuple(W0.shape))
    _check.at_least("rank", rank, 1)
    if rank > most:
        raise ValueError(f"rank={rank}: expected at most {most}, the rows of A; lower rank")
    return lora_linear(x, W0, A[:rank], B[:, :rank], alpha=alpha)
