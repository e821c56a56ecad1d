"""The vocabulary's functions that make and rearrange tensors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from conform.law.bounds import bounded, tensor


def transpose(x: Tensor, first: int = -2, second: int = -1) -> Tensor:
    """Swap two dims (default the last two)."""
    return x.transpose(first, second)


def outer(a: Tensor, b: Tensor) -> Tensor:
    """Outer product of the last dims: [..., m], [..., n] -> [..., m, n]."""
    bounded(a.numel(), b.shape[-1])
    return a.unsqueeze(-1) * b.unsqueeze(-2)


def arange(*bounds: int) -> Tensor:
    """Integers: arange(stop), arange(start, stop), arange(start, stop, step)."""
    values = range(*(int(b) for b in bounds))
    bounded(len(values))
    return torch.arange(values.start, values.stop, values.step)


def ones(*shape: int) -> Tensor:
    """All ones."""
    return torch.ones(bounded(*shape), dtype=torch.float64)


def zeros(*shape: int) -> Tensor:
    """All zeros."""
    return torch.zeros(bounded(*shape), dtype=torch.float64)


def full(value: Any, *shape: int) -> Tensor:
    """full(value, *shape): one value everywhere; True or False gives a mask."""
    kind = (
        torch.bool
        if isinstance(value, bool)
        else (torch.int64 if isinstance(value, int) else torch.float64)
    )
    return torch.full(bounded(*shape), value, dtype=kind)


def eye(n: int) -> Tensor:
    """Identity matrix."""
    return torch.eye(bounded(n, n)[0], dtype=torch.float64)


def one_hot(index: Tensor, count: int) -> Tensor:
    """Rows of the identity: int[...] -> float[..., count]."""
    bounded(index.numel(), count)
    return torch.nn.functional.one_hot(index.long(), int(count)).to(torch.float64)


def tril(x: Tensor, diagonal: int = 0) -> Tensor:
    """Lower triangle of the last two dims."""
    return torch.tril(x, diagonal)


def triu(x: Tensor, diagonal: int = 0) -> Tensor:
    """Upper triangle of the last two dims."""
    return torch.triu(x, diagonal)


def permute(x: Tensor, order: Tensor, dim: int) -> Tensor:
    """Entries along dim in another order: permute(x, permutation, dim)."""
    return x.index_select(dim, order)


def inverse(permutation: Tensor) -> Tensor:
    """The inverse of a permutation."""
    return torch.argsort(permutation)


def take(x: Any, index: Any, dim: int = 0) -> Any:
    """Entry `index` along dim (an int removes the dim, an int tensor keeps it); also of a tuple."""
    if isinstance(x, tuple):
        return x[int(index)]
    return (
        x.select(dim, int(index))
        if isinstance(index, int) or index.ndim == 0
        else (x.index_select(dim, index))
    )


def gather(x: Tensor, index: Tensor, dim: int = -1) -> Tensor:
    """out[..., j] = x[..., index[..., j]] along dim."""
    return torch.gather(x, dim, index)


def vslice(x: Tensor, dim: int, start: int, stop: int) -> Tensor:
    """Entries start..stop-1 along dim."""
    return x.narrow(dim, int(start), max(int(stop) - int(start), 0))


def concat(*parts: Any, dim: int = 0) -> Any:
    """Join along dim (default 0), tensors or one tuple of tensors."""
    items = parts[0] if len(parts) == 1 and isinstance(parts[0], tuple) else parts
    if any(item.is_floating_point() for item in items):
        items = tuple(item.to(torch.float64) for item in items)
    bounded(sum(item.numel() for item in items))
    return torch.cat(list(items), dim)


def stack(*parts: Any, dim: int = 0) -> Tensor:
    """Stack along a new dim (default 0), tensors or one tuple of tensors."""
    items = parts[0] if len(parts) == 1 and isinstance(parts[0], tuple) else parts
    bounded(sum(tensor(item).numel() for item in items))
    return torch.stack([tensor(item) for item in items], dim)


def split(x: Tensor, size: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of `size` (an int, or a tuple of sizes) along dim."""
    return tuple(torch.split(x, size if isinstance(size, int) else list(size), dim))


def roll(x: Tensor, shift: int, dim: int) -> Tensor:
    """Cyclic shift along dim."""
    return torch.roll(x, int(shift), dim)


def flip(x: Tensor, dim: int) -> Tensor:
    """Reversed along dim."""
    return torch.flip(x, (dim,))


def reshape(x: Tensor, *shape: int) -> Tensor:
    """The same elements in another shape; one size may be -1."""
    sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
    return x.reshape(tuple(int(n) for n in sizes))


def repeat(x: Tensor, times: int, dim: int) -> Tensor:
    """Each entry along dim repeated `times` in a row (repeat_interleave)."""
    bounded(x.numel() * int(times))
    return x.repeat_interleave(int(times), dim)


def tile(x: Tensor, times: int, dim: int) -> Tensor:
    """The whole dim repeated `times` one after the other."""
    bounded(x.numel() * int(times))
    return torch.cat([x] * int(times), dim)


def expand(x: Any, *shape: int) -> Tensor:
    """Broadcast to a shape."""
    return tensor(x).expand(bounded(*shape))


def unsqueeze(x: Tensor, dim: int) -> Tensor:
    """A new dim of size one."""
    return x.unsqueeze(dim)


def size(x: Any, dim: int | None = None) -> Any:
    """Number of elements along dim; without dim the shape as a tuple. Of a tuple: its length."""
    if isinstance(x, tuple):
        return len(x)
    return tuple(x.shape) if dim is None else x.shape[dim]


def nbytes(x: Any) -> int:
    """Bytes of the elements. Of a tuple: those of the tensors in it."""
    if isinstance(x, tuple):
        return sum(nbytes(item) for item in x)
    return int(x.numel() * x.element_size()) if isinstance(x, Tensor) else 0


def permutation_matrix(p: Tensor) -> Tensor:
    """Rows of the identity in the order p."""
    return one_hot(p, p.shape[0])
