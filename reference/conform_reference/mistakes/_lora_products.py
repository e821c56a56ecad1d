"""Wrong DoRA, LoHa and LoKr, and wrong counts."""

import torch
from torch import Tensor

from conform_reference import lora as right


def _direction(W0: Tensor, A: Tensor, B: Tensor, alpha: float) -> Tensor:
    return W0 + alpha / A.shape[0] * (B @ A)


def _norm(x: Tensor, axis: int) -> Tensor:
    """As the reference's, 1 for a row of zeros: a mistake differs in what it is named for alone."""
    norm = x.norm(dim=axis, keepdim=True)
    return torch.where(norm > 0, norm, 1.0)


def _wrong_axis(W0: Tensor, A: Tensor, B: Tensor, magnitude: Tensor, alpha: float) -> Tensor:
    direction = _direction(W0, A, B, alpha)
    axis = 0 if W0.shape[0] == W0.shape[1] else 1
    return magnitude.unsqueeze(axis) * direction / _norm(direction, axis)


def dora_merge_wrong_axis(
    W0: Tensor, A: Tensor, B: Tensor, magnitude: Tensor, *, alpha: float
) -> Tensor:
    """The norm over outputs, one magnitude for each input, where it fits."""
    return _wrong_axis(W0, A, B, magnitude, alpha)


def dora_merge_norm_of_base(
    W0: Tensor, A: Tensor, B: Tensor, magnitude: Tensor, *, alpha: float
) -> Tensor:
    """The norm of W0 alone."""
    return magnitude.unsqueeze(1) / _norm(W0, 1) * _direction(W0, A, B, alpha)


def dora_merge_not_normed(
    W0: Tensor, A: Tensor, B: Tensor, magnitude: Tensor, *, alpha: float
) -> Tensor:
    """No division by the norm."""
    return magnitude.unsqueeze(1) * _direction(W0, A, B, alpha)


def dora_merge_zero_row_divided(
    W0: Tensor, A: Tensor, B: Tensor, magnitude: Tensor, *, alpha: float
) -> Tensor:
    """A row of zeros over its norm."""
    direction = _direction(W0, A, B, alpha)
    return magnitude.unsqueeze(1) * direction / direction.norm(dim=1, keepdim=True)


def dora_wrong_axis(
    x: Tensor, W0: Tensor, A: Tensor, B: Tensor, magnitude: Tensor, *, alpha: float
) -> Tensor:
    """The norm over outputs, where it fits."""
    return x @ _wrong_axis(W0, A, B, magnitude, alpha).T


def dora_norm_of_base(
    x: Tensor, W0: Tensor, A: Tensor, B: Tensor, magnitude: Tensor, *, alpha: float
) -> Tensor:
    """The norm of W0 alone."""
    return x @ dora_merge_norm_of_base(W0, A, B, magnitude, alpha=alpha).T


def dora_not_normed(
    x: Tensor, W0: Tensor, A: Tensor, B: Tensor, magnitude: Tensor, *, alpha: float
) -> Tensor:
    """No division by the norm."""
    return x @ dora_merge_not_normed(W0, A, B, magnitude, alpha=alpha).T


def dora_whole_norm(
    x: Tensor, W0: Tensor, A: Tensor, B: Tensor, magnitude: Tensor, *, alpha: float
) -> Tensor:
    """One norm for the matrix, spread over the rows."""
    direction = _direction(W0, A, B, alpha)
    return x @ (magnitude.unsqueeze(1) * direction / direction.norm() * len(direction) ** 0.5).T


def dora_base_not_scaled(
    x: Tensor, W0: Tensor, A: Tensor, B: Tensor, magnitude: Tensor, *, alpha: float
) -> Tensor:
    """Only the update is normed and scaled."""
    ratio = magnitude / _norm(_direction(W0, A, B, alpha), 1).squeeze(1)
    return x @ W0.T + ratio * alpha / A.shape[0] * (x @ A.T @ B.T)


def dora_norm_unscaled(
    x: Tensor, W0: Tensor, A: Tensor, B: Tensor, magnitude: Tensor, *, alpha: float
) -> Tensor:
    """The norm of W0 + B A."""
    norm = _norm(W0 + B @ A, 1)
    return x @ (magnitude.unsqueeze(1) * _direction(W0, A, B, alpha) / norm).T


def dora_squared_norm(
    x: Tensor, W0: Tensor, A: Tensor, B: Tensor, magnitude: Tensor, *, alpha: float
) -> Tensor:
    """The root is forgotten."""
    direction = _direction(W0, A, B, alpha)
    return x @ (magnitude.unsqueeze(1) * direction / _norm(direction, 1) ** 2).T


def loha_summed(A1: Tensor, B1: Tensor, A2: Tensor, B2: Tensor, *, alpha: float) -> Tensor:
    """The sum of the two products."""
    return alpha / A1.shape[0] * (B1 @ A1 + B2 @ A2)


def loha_matrix_product(A1: Tensor, B1: Tensor, A2: Tensor, B2: Tensor, *, alpha: float) -> Tensor:
    """The matrix product of the two, where it fits."""
    if B1.shape[0] != A1.shape[1]:
        return right.loha_delta(A1, B1, A2, B2, alpha=alpha)
    return alpha / A1.shape[0] * (B1 @ A1) @ (B2 @ A2)


def loha_half_gradient(A1: Tensor, B1: Tensor, A2: Tensor, B2: Tensor, *, alpha: float) -> Tensor:
    """The second pair gets half of its gradient."""
    A2, B2 = (0.5 * (t + t.detach()) for t in (A2, B2))
    return right.loha_delta(A1, B1, A2, B2, alpha=alpha)


def lokr_swapped(C: Tensor, A: Tensor, B: Tensor, *, alpha: float) -> Tensor:
    """(B A) kron C."""
    return alpha / A.shape[0] * torch.kron(B @ A, C.clone(memory_format=torch.contiguous_format))


def lokr_tiled(C: Tensor, A: Tensor, B: Tensor, *, alpha: float) -> Tensor:
    """C is tiled over the result, B A repeated element by element."""
    block = B @ A
    wide = block.repeat_interleave(C.shape[0], 0).repeat_interleave(C.shape[1], 1)
    return alpha / A.shape[0] * C.repeat(*block.shape) * wide


def lokr_rows_interleaved(C: Tensor, A: Tensor, B: Tensor, *, alpha: float) -> Tensor:
    """Columns are in blocks, rows are interleaved."""
    block = B @ A
    grid = torch.einsum("pq,oi->opqi", C, block)
    shape = (C.shape[0] * block.shape[0], C.shape[1] * block.shape[1])
    return alpha / A.shape[0] * grid.reshape(shape)


def factors_larger_first(n: int, *, factor: int = -1) -> tuple[int, int]:
    """The larger one first."""
    m, other = right.lokr_factors(n, factor=factor)
    return other, m


def factors_trivial(n: int, *, factor: int = -1) -> tuple[int, int]:
    """1 by n."""
    right.lokr_factors(n, factor=factor)
    return 1, n


def factors_rounded(n: int, *, factor: int = -1) -> tuple[int, int]:
    """The rounded root, whether or not it divides."""
    m, other = right.lokr_factors(n, factor=factor)
    return (round(n**0.5), n // round(n**0.5)) if factor == -1 else (m, other)


def factors_factor_wins(n: int, *, factor: int = -1) -> tuple[int, int]:
    """A factor that divides comes first, even above the root."""
    m, other = right.lokr_factors(n, factor=factor)
    return (factor, n // factor) if factor > 0 and n % factor == 0 else (m, other)


def factors_unchecked(n: int, *, factor: int = -1) -> tuple[int, int]:
    """0 is 0 times 0."""
    return right.lokr_factors(n, factor=factor) if n > 0 else (0, 0)


def delta_unchecked(method: str, *, fan_in: int, fan_out: int, rank: int) -> int:
    """Rank 0 trains nothing, says this one; an unknown method is LoRA."""
    known = method if method in ("full", "dora", "loha", "lokr") else "lora"
    if min(fan_in, fan_out, rank) < 1:
        return 0
    return right.delta_parameters(known, fan_in=fan_in, fan_out=fan_out, rank=rank)
