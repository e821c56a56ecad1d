"""What one eager operation moves: each input read once, each output written once.

Views and allocations move nothing. A lookup (embedding, index_select, gather) reads the rows that
it takes, not the whole table; a scattered update writes what it is given. An element that a view
repeats (a stride of zero) is read once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils._pytree import tree_leaves

from conform.measure.regions import Array, Span

# Operations whose first argument that is read is a table of which they take some rows.
_LOOKUPS = {"aten::embedding", "aten::index_select", "aten::gather", "aten::index", "aten::take"}
# Operations that update some places of their first argument by values that they are given.
_SCATTERS = {
    "aten::index_put_", "aten::_index_put_impl_", "aten::scatter_", "aten::scatter_add_",
    "aten::index_add_", "aten::index_copy_", "aten::scatter_reduce_", "aten::masked_scatter_",
}  # fmt: skip
# In-place operations that do not look at what was there.
_OVERWRITES = {
    "aten::copy_", "aten::fill_", "aten::zero_", "aten::uniform_", "aten::normal_",
    "aten::bernoulli_", "aten::random_", "aten::exponential_", "aten::set_",
}  # fmt: skip
_ALLOCATIONS = ("aten::empty", "aten::new_empty")
_QUESTIONS = ("aten::is_", "aten::sym_")  # about shapes and dtypes
# Operations that hand values on element by element: what has no value has none in the copy either.
COPIES = {"aten::copy_", "aten::clone", "aten::_to_copy"}


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation: tensors that it reads and writes, with bytes, and those that it made."""

    name: str
    args: tuple[Any, ...]
    outputs: tuple[torch.Tensor, ...]
    reads: tuple[tuple[torch.Tensor, int], ...]
    writes: tuple[tuple[torch.Tensor, int], ...]

    @property
    def allocates(self) -> bool:
        """Whether its result is memory without values."""
        return self.name.startswith(_ALLOCATIONS)


def observe(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> Operation:
    """What an operation that was just made has moved."""
    schema = func._schema
    name: str = schema.name
    outputs = _tensors(out)
    given = _tensors((args, kwargs))
    changed = _changed(schema, args, kwargs)
    view = not changed and _is_view(given, outputs)
    if view or name.startswith((*_ALLOCATIONS, *_QUESTIONS)):
        seen = () if name == "aten::lift_fresh" else tuple((x, 0) for x in given)
        return Operation(name, args, outputs, seen, ())
    made = [x for x in outputs if not any(x is y for y in changed)]
    reads = [x for x in given if not any(x is y for y in changed) or name not in _OVERWRITES]
    size = sum(touched_bytes(x) for x in made)
    reading = [(x, touched_bytes(x)) for x in reads]
    writing = [(x, touched_bytes(x)) for x in (*changed, *made)]
    if name in _LOOKUPS and reading:
        reading[0] = (reading[0][0], min(reading[0][1], size))
    if name in _SCATTERS and changed:
        largest = max((touched_bytes(x) for x in given[1:]), default=0)
        place = min(touched_bytes(changed[0]), largest)
        reading = [(x, place if x is changed[0] else n) for x, n in reading]
        writing = [(x, place if x is changed[0] else n) for x, n in writing]
    return Operation(name, args, outputs, tuple(reading), tuple(writing))


def _tensors(value: Any) -> tuple[torch.Tensor, ...]:
    return tuple(x for x in tree_leaves(value) if isinstance(x, torch.Tensor))


def _changed(schema: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[torch.Tensor]:
    """The arguments that the operation writes to."""
    found: list[torch.Tensor] = []
    for i, argument in enumerate(schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            value = args[i] if i < len(args) else kwargs.get(argument.name)
            found.extend(_tensors(value))
    return found


def _is_view(given: tuple[torch.Tensor, ...], outputs: tuple[torch.Tensor, ...]) -> bool:
    """Whether everything that came out lies in memory that went in."""
    known = {_address(x) for x in given}
    return bool(outputs) and all(_address(x) in known for x in outputs)


def _address(x: torch.Tensor) -> int:
    return x.untyped_storage().data_ptr() if x.layout == torch.strided else -1


def touched_bytes(x: torch.Tensor) -> int:
    """Bytes of the distinct elements of a tensor whose repeated dims have stride zero."""
    if x.layout != torch.strided:
        return x.numel() * x.element_size()
    sizes = [n for n, s in zip(x.shape, x.stride(), strict=True) if s != 0 or n == 0]
    return math.prod(sizes) * x.element_size()


def span_of(x: torch.Tensor, *, repeated: bool = False) -> Span:
    """Where each distinct element of a strided tensor lies, or each element in order."""
    size = x.element_size()
    start = x.untyped_storage().data_ptr() + int(x.storage_offset()) * size
    if x.is_contiguous():
        return Span(start, start + x.numel() * size, size)
    offsets: Array = np.zeros((), np.int64)
    for n, s in zip(x.shape, x.stride(), strict=True):
        steps = np.arange(n if s != 0 or repeated else 1, dtype=np.int64) * s
        offsets = np.add.outer(offsets, steps)
    return Span.of((offsets.reshape(-1) * size + start).astype(np.uint64), size)


def tensors_of(arguments: Any) -> Iterator[torch.Tensor]:
    """The tensors among a launch's arguments, in tuples, descriptors and wrappers, too."""
    for item in arguments:
        if isinstance(item, torch.Tensor):
            yield item
        elif isinstance(item, (tuple, list)):
            yield from tensors_of(item)
        elif isinstance(getattr(item, "base", None), torch.Tensor):
            yield item.base
