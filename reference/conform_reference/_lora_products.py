"""Weight updates beyond one low-rank product: Hadamard (LoHa) and Kronecker (LoKr)."""

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._lora_linear import factors
from conform_reference.rounding import another_order, mark


def loha_delta(A1: Tensor, B1: Tensor, A2: Tensor, B2: Tensor, *, alpha: float) -> Tensor:
    """(alpha / r) (B1 A1) * (B2 A2), elementwise, for Ai[r, in], Bi[out, r] -> [out, in].

    Raises ValueError for shapes that do not fit. Source: Hyeon-Woo et al. 2021, arXiv:2108.06098,
    eq. 2, which has no scaling; alpha / r is that of every library.
    """
    rank = factors(A1, B1)
    factors(A2, B2)
    for name, one, other in (("A", A1, A2), ("B", B1, B2)):
        if one.shape != other.shape:
            raise ValueError(
                f"{name}1.shape={tuple(one.shape)}, {name}2.shape={tuple(other.shape)}: expected "
                f"the same; pad the smaller rank with zeros"
            )
    dtype = _check.compute_dtype(A1, B1, A2, B2)
    a, b, c, d = (x.to(dtype) for x in (A1, B1, A2, B2))
    product = mark("product", mark("first", b @ a) * mark("second", d @ c))
    product = another_order(product, lambda: _one_product(a, b, c, d))
    product = another_order(product, lambda: _factor_by_factor(a, b, c, d))
    product = another_order(product, lambda: _factor_by_factor(c, d, a, b))
    return (alpha / rank * product).to(A1.dtype)


def _one_product(A1: Tensor, B1: Tensor, A2: Tensor, B2: Tensor) -> Tensor:
    """(B1 A1) * (B2 A2) as one matrix product of rank r * r, by row-wise Khatri-Rao products."""
    left = mark("partial", (B1.unsqueeze(2) * B2.unsqueeze(1)).flatten(1))
    right = mark("partial", (A1.unsqueeze(1) * A2.unsqueeze(0)).flatten(0, 1))
    return left @ right


def _factor_by_factor(A1: Tensor, B1: Tensor, A2: Tensor, B2: Tensor) -> Tensor:
    """((B1 A1) * B2) * A2, summed over the rank last, as one einsum of four goes from the left."""
    product = mark("first", B1 @ A1)
    total = torch.zeros_like(product)
    for row, column in zip(A2.unbind(0), B2.unbind(1), strict=True):
        total = total + mark("partial", product * column.unsqueeze(1)) * row
    return total


def lokr_delta(C: Tensor, A: Tensor, B: Tensor, *, alpha: float) -> Tensor:
    """(alpha / r) C kron (B A) for C[o1, i1], A[r, i2], B[o2, r] -> [o1 * o2, i1 * i2].

    Block (p, q) of the result is C[p, q] B A. Raises ValueError for shapes that do not fit.
    Source: Edalati et al. 2022, arXiv:2212.10650, eq. 3, and Yeh et al. 2023, arXiv:2309.14859.
    """
    rank = factors(A, B)
    _check.rank("C", C, "o1 i1")
    dtype = _check.compute_dtype(C, A, B)
    c, a, b = (x.to(dtype) for x in (C, A, B))
    block = mark("block", b @ a)
    grid = c[:, None, :, None] * block[None, :, None, :]
    grid = another_order(mark("product", grid), lambda: _outer_first(c, a, b))
    shape = (C.shape[0] * block.shape[0], C.shape[1] * block.shape[1])
    return (alpha / rank * grid).reshape(shape).to(C.dtype)


def _outer_first(C: Tensor, A: Tensor, B: Tensor) -> Tensor:
    """C kron B, then times A: [o1, o2, i1, i2], as one einsum of three factors goes about it."""
    return mark("partial", C[:, None, :, None] * B[None, :, None, :]) @ A


def lokr_factors(n: int, *, factor: int = -1) -> tuple[int, int]:
    """The pair (m, n / m), m <= n / m, of the largest m that is at most `factor`.

    factor = -1 sets no limit: m is the largest divisor up to sqrt(n). Raises ValueError for n
    below 1, or another factor below 1. Source: LyCORIS, where a `factor` that divides n
    comes first even if it is the larger of the two.
    """
    _check.at_least("n", n, 1)
    if factor != -1:
        _check.at_least("factor", factor, 1)
    limit = n if factor == -1 else factor
    m = max(d for d in range(1, n + 1) if d * d <= n and n % d == 0 and d <= limit)
    return m, n // m
