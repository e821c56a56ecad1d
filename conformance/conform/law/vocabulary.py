"""The closed vocabulary of laws: plain functions over float64 and integer tensors and numbers.

Every function's docstring is its documentation (`conform explain --vocabulary`). Sizes are bounded:
a spec may come from a stranger.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from conform.law.arrange import (
    arange,
    concat,
    expand,
    eye,
    flip,
    full,
    gather,
    inverse,
    nbytes,
    one_hot,
    ones,
    outer,
    permutation_matrix,
    permute,
    repeat,
    reshape,
    roll,
    size,
    split,
    stack,
    take,
    tile,
    transpose,
    tril,
    triu,
    unsqueeze,
    vslice,
    zeros,
)
from conform.law.bounds import TooLarge, bounded, tensor
from conform.law.form_words import FORM_WORDS

Number = int | float


def _unary(
    name: str, function: Callable[[Tensor], Tensor], number: Callable[[float], float], words: str
) -> Callable[[Any], Any]:
    def apply(x: Any) -> Any:
        if isinstance(x, Tensor):
            return function(x.to(torch.float64) if not x.is_floating_point() else x)
        return number(x)

    apply.__name__, apply.__doc__ = name, words
    return apply


def _axes(dim: Any) -> Any:
    return tuple(dim) if isinstance(dim, (tuple, list)) else dim


def _reduction(name: str, words: str) -> Callable[..., Any]:
    def apply(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        x = tensor(x)
        if x.dtype == torch.bool or (name == "mean" and not x.is_floating_point()):
            x = x.to(torch.float64 if name == "mean" else torch.int64)
        if dim is None:
            dim = tuple(range(x.ndim))
        return getattr(torch, name)(x, _axes(dim), keepdim=keepdim) if x.ndim else x

    apply.__name__, apply.__doc__ = name, words
    return apply


def _lift(*values: Any) -> tuple[Any, ...]:
    return (
        tuple(tensor(v) for v in values) if any(isinstance(v, Tensor) for v in values) else values
    )


def _alike(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Integers that meet a float become float64."""
    if a.is_floating_point() == b.is_floating_point():
        return a, b
    return a.to(torch.float64), b.to(torch.float64)


def vabs(x: Any) -> Any:
    """Absolute value; integers stay integers."""
    return x.abs() if isinstance(x, Tensor) else abs(x)


def vmax(*values: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """max(a, b, ...) elementwise, or max(x, dim=...) over dims, or max(x) over all elements."""
    return _extreme(torch.maximum, torch.amax, max, values, dim, keepdim)


def vmin(*values: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """min(a, b, ...) elementwise, or min(x, dim=...) over dims, or min(x) over all elements."""
    return _extreme(torch.minimum, torch.amin, min, values, dim, keepdim)


def _extreme(pair: Any, reduce: Any, plain: Any, values: Any, dim: Any, keepdim: bool) -> Any:
    if len(values) == 1 and isinstance(values[0], Tensor):
        x = values[0]
        return reduce(x, _axes(dim) if dim is not None else tuple(range(x.ndim)), keepdim)
    if len(values) == 2 and isinstance(values[0], Tensor) and dim is None and not keepdim:
        return pair(*_alike(*_lift(*values)))
    result = values[0] if len(values) > 1 else plain(values[0])
    for value in values[1:]:
        if isinstance(result, Tensor) or isinstance(value, Tensor):
            result = pair(*_alike(*_lift(result, value)))
        else:
            result = plain(result, value)
    return result


def norm(x: Tensor, dim: Any = -1, keepdim: bool = False) -> Tensor:
    """Euclidean norm over dim (default last)."""
    return tensor(x).to(torch.float64).square().sum(_axes(dim), keepdim=keepdim).sqrt()


def var(x: Tensor, dim: Any = -1, keepdim: bool = False) -> Tensor:
    """Biased variance over dim (default last)."""
    x = tensor(x)
    return (x - x.mean(_axes(dim), keepdim=True)).square().mean(_axes(dim), keepdim=keepdim)


def clamp(x: Any, low: Number | None = None, high: Number | None = None) -> Tensor:
    """x limited to [low, high]."""
    return tensor(x).clamp(low, high)


def where(condition: Any, a: Any, b: Any) -> Any:
    """a where the condition holds, else b; broadcasting."""
    if not isinstance(condition, Tensor):
        return a if condition else b
    a, b = (tensor(v) for v in (a, b))
    if a.is_floating_point() != b.is_floating_point():
        a, b = a.to(torch.float64), b.to(torch.float64)
    return torch.where(condition, a, b)


def vsort(x: Tensor, dim: int = -1) -> Tensor:
    """Ascending values along dim."""
    return torch.sort(x, dim=dim).values


def cumsum(x: Tensor, dim: int = -1) -> Tensor:
    """Running sum along dim."""
    return torch.cumsum(tensor(x), dim)


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """Matrix product over the last two dims, broadcasting."""
    return torch.matmul(tensor(a).to(torch.float64), tensor(b).to(torch.float64))


def einsum(equation: str, *operands: Tensor) -> Tensor:
    """Einstein summation."""
    return torch.einsum(equation, *(tensor(x).to(torch.float64) for x in operands))


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner product over the last dim."""
    return (tensor(a) * tensor(b)).sum(-1)


def isfinite(x: Any) -> Tensor:
    """True where neither NaN nor infinite."""
    return torch.isfinite(tensor(x))


def isnan(x: Any) -> Tensor:
    """True where NaN."""
    return torch.isnan(tensor(x))


def vany(x: Any, dim: int | None = None) -> Any:
    """True if any element is (along dim)."""
    x = tensor(x)
    return x.any() if dim is None else x.any(dim)


def vall(x: Any, dim: int | None = None) -> Any:
    """True if all elements are (along dim)."""
    x = tensor(x)
    return x.all() if dim is None else x.all(dim)


def argmax(x: Tensor, dim: int = -1) -> Tensor:
    """Index of the largest entry along dim."""
    return torch.argmax(x, dim)


def vround(x: Any) -> Any:
    """Nearest integer value, ties to even."""
    return torch.round(x) if isinstance(x, Tensor) else round(x)


def integer(x: Any) -> Any:
    """Truncated to an integer."""
    return x.to(torch.int64) if isinstance(x, Tensor) else int(x)


def real(x: Any) -> Tensor:
    """As float64."""
    return tensor(x).to(torch.float64)


def identity(x: Any) -> Any:
    """x itself (a sublayer)."""
    return x


def zero(x: Tensor) -> Tensor:
    """Zeros of the same shape (a sublayer)."""
    return x * 0


def previous(x: Tensor) -> Tensor:
    """Each token's predecessor, the last one's for the first (a sublayer)."""
    return x.roll(1, -2)


def rank(x: Tensor) -> Any:
    """Rank of the last two dims, by singular values above 1e-9 of the largest."""
    return torch.linalg.matrix_rank(x, rtol=1e-9)


def unique_rows(x: Tensor) -> int:
    """Number of distinct rows of a matrix."""
    return int(torch.unique(x, dim=0).shape[0])


def ceil(x: Any) -> Any:
    """Smallest integer not below x."""
    return torch.ceil(x) if isinstance(x, Tensor) else math.ceil(x)


def floor(x: Any) -> Any:
    """Largest integer not above x."""
    return torch.floor(x) if isinstance(x, Tensor) else math.floor(x)


def sign(x: Any) -> Any:
    """-1, 0 or 1."""
    return torch.sign(tensor(x))


def vrange(*bounds: int) -> tuple[int, ...]:
    """range(stop) or range(start, stop) as a tuple of at most 4096 integers."""
    values = range(*(int(b) for b in bounds))
    if len(values) > 4096:
        raise TooLarge(f"range of {len(values)}")
    return tuple(values)


def diff(x: Tensor, dim: int = -1) -> Tensor:
    """Differences of neighbours along dim."""
    return torch.diff(tensor(x), dim=dim)


def softmax(x: Tensor, dim: int = -1) -> Tensor:
    """exp(x) normalised along dim (for law arithmetic; `softmax` alone may be an operator)."""
    e = torch.exp(x - x.amax(dim, keepdim=True))
    return e / e.sum(dim, keepdim=True)


def names(pairs: tuple[Any, ...]) -> frozenset[str]:
    """The names of (name, tensor) pairs, or of texts, as a set."""
    return frozenset(item if isinstance(item, str) else item[0] for item in pairs)


def contains(items: Any, item: Any) -> bool:
    """Whether a set of names has the name."""
    return item in items


def log_gamma(x: Any) -> Any:
    """Logarithm of the gamma function."""
    return torch.lgamma(tensor(x).to(torch.float64)) if isinstance(x, Tensor) else math.lgamma(x)


def topk(x: Tensor, count: int, dim: int = -1) -> Tensor:
    """Indices of the `count` largest entries along dim, falling; ties to the first."""
    order = torch.sort(x, dim=dim, descending=True, stable=True).indices
    return order.narrow(dim, 0, int(count))


def histogram(x: Tensor, bins: int) -> Tensor:
    """How often each of 0..bins-1 occurs in an integer tensor."""
    bounded(bins)
    return torch.bincount(x.flatten().long(), minlength=int(bins))


def kron(a: Tensor, b: Tensor) -> Tensor:
    """Kronecker product of two matrices."""
    bounded(a.numel() * b.numel())
    return torch.kron(tensor(a).to(torch.float64), tensor(b).to(torch.float64))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": _unary("exp", torch.exp, math.exp, "e to the x."),
    "log": _unary("log", torch.log, math.log, "Natural logarithm."),
    "log2": _unary("log2", torch.log2, math.log2, "Logarithm to base 2."),
    "sqrt": _unary("sqrt", torch.sqrt, math.sqrt, "Square root."),
    "tanh": _unary("tanh", torch.tanh, math.tanh, "Hyperbolic tangent (also a sublayer)."),
    "sin": _unary("sin", torch.sin, math.sin, "Sine."),
    "cos": _unary("cos", torch.cos, math.cos, "Cosine."),
    "erf": _unary("erf", torch.erf, math.erf, "Error function."),
    "sigmoid": _unary("sigmoid", torch.sigmoid, lambda x: 1 / (1 + math.exp(-x)), "Logistic."),
    "relu": _unary("relu", torch.relu, lambda x: max(x, 0.0), "max(x, 0)."),
    "abs": vabs,
    "sum": _reduction("sum", "Sum over dim, or over all elements."),
    "mean": _reduction("mean", "Mean over dim, or over all elements."),
    "max": vmax, "min": vmin, "norm": norm, "var": var, "clamp": clamp, "where": where,
    "sort": vsort, "cumsum": cumsum, "matmul": matmul, "einsum": einsum, "dot": dot,
    "transpose": transpose, "outer": outer, "arange": arange, "ones": ones, "zeros": zeros,
    "full": full, "eye": eye, "one_hot": one_hot, "tril": tril, "triu": triu, "permute": permute,
    "inverse": inverse, "take": take, "gather": gather, "slice": vslice, "concat": concat,
    "stack": stack, "split": split, "roll": roll, "flip": flip, "reshape": reshape,
    "repeat": repeat, "tile": tile, "expand": expand, "unsqueeze": unsqueeze, "size": size,
    "nbytes": nbytes, "permutation_matrix": permutation_matrix, "isfinite": isfinite,
    "isnan": isnan, "any": vany, "all": vall, "argmax": argmax, "round": vround,
    "integer": integer, "real": real, "identity": identity, "zero": zero, "previous": previous,
    "rank": rank,
    "unique_rows": unique_rows, "ceil": ceil, "floor": floor, "sign": sign, "range": vrange,
    "diff": diff, "tensor": tensor, "names": names, "contains": contains,
    "log_gamma": log_gamma, "topk": topk, "histogram": histogram, "kron": kron,
}  # fmt: skip
# Reached as plain functions only where no operator has the same name.
ARITHMETIC_SOFTMAX = softmax
CONSTANTS: dict[str, Any] = {
    "inf": math.inf, "pi": math.pi, "nan": math.nan, "e": math.e,
    "None": None, "True": True, "False": False,
}  # fmt: skip


def describe() -> list[tuple[str, str, str]]:
    """(kind, name, words) of everything a law may say, for the documentation."""
    rows = [
        ("function", name, (function.__doc__ or "").split("\n")[0])
        for name, function in sorted(FUNCTIONS.items())
    ]
    rows += [("form", name, words) for name, words in sorted(FORM_WORDS.items())]
    rows += [("constant", name, str(value)) for name, value in sorted(CONSTANTS.items())]
    return rows
