"""The seam of Triton's interpreter: every load, store and atomic ends in four calls of one object.

`Seam` stands in for that object and tells the meter of each access, before it is made: lanes at
addresses of nobody are masked off there, where they would end the process. Launches and programs
are seen by wrapping the executor of grids, matrix products by wrapping the builder's dot. The same
places in Triton 3.6 to 3.9. (Seen before in triton-viz, which wraps the builder's methods.)
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from conform.measure.launch import Kind
from conform.measure.regions import Array

_MODULE = "triton.runtime.interpreter"


class Watcher(Protocol):
    """What hears of a kernel's doings."""

    def access(
        self,
        addresses: Array,
        mask: Array,
        itemsize: int,
        kind: Kind,
        rewrites: Callable[[Array], Array] | None = None,
    ) -> Array:
        """Note an access; the mask without the lanes that must not be performed.

        For a store, `rewrites(mask)` tells for each active lane whether it changes nothing.
        """

    def launch(self, run: Callable[[], Any], arguments: tuple[Any, ...]) -> Any:
        """Run a launch."""

    def program(self, count: int) -> None:
        """The next of `count` programs begins."""

    def scalar_atomic(self, address: int) -> None:
        """An atomic on one address was made."""

    def product(self, flops: int) -> None:
        """A product of matrices was made."""


def interpreter() -> Any:
    """Triton's interpreter module where kernels are interpreted in this process, else None."""
    module = sys.modules.get(_MODULE)
    language = sys.modules.get("triton.language")
    if module is None or language is None:
        return None
    return module if isinstance(language.sum, module.InterpretedFunction) else None


def has_kernels() -> bool:
    """Whether somebody but triton and torch has kernels that are interpreted in this process."""
    module = interpreter()
    return module is not None and any(
        _is_interpreted(value, module.InterpretedFunction)
        for name, holder in list(sys.modules.items())
        if isinstance(holder, ModuleType) and name.partition(".")[0] not in ("triton", "torch")
        for value in list(vars(holder).values())
    )


def _is_interpreted(value: Any, kind: type) -> bool:
    """Also of a kernel within autotune or heuristics. Anything may lie about in a module."""
    while not issubclass(type(value), kind):
        if not str(type(value).__module__).startswith("triton."):
            return False
        value = getattr(value, "fn", None)
    return True


class Seam:
    """In the place of the interpreter's memory object; knows what that knows."""

    def __init__(self, inner: Any, watcher: Watcher) -> None:
        self._inner = inner
        self._watcher = watcher
        self.atomic = False  # a load or store that stands for an atomic one

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def load(self, ptrs: Array, mask: Array, other: Array, dtype: Any) -> Array:
        """Where mask: the values at ptrs, else `other`."""
        kind = Kind.ATOMIC if self.atomic else Kind.READ
        kept = self._watcher.access(ptrs, mask, np.dtype(dtype).itemsize, kind)
        found: Array = self._inner.load(ptrs, kept, other, dtype)
        return found

    def store(self, ptrs: Array, value: Array, mask: Array) -> Any:
        """Where mask: write the values to ptrs."""
        kind = Kind.ATOMIC if self.atomic else Kind.WRITE

        def rewrites(active: Array) -> Array:
            now = self._inner.load(ptrs, active, np.zeros(ptrs.shape, value.dtype), value.dtype)
            same = _bits(now) == _bits(np.broadcast_to(value, ptrs.shape))
            return np.asarray(same[active])

        kept = self._watcher.access(ptrs, mask, value.dtype.itemsize, kind, rewrites)
        return self._inner.store(ptrs, value, kept)

    def atomic_cas(self, ptr: Array, cmp: Array, val: Array, sem: Any) -> Any:
        """Compare and swap. A lane outside has no mask to be left out by: it is refused."""
        every = np.ones(np.shape(ptr), bool)
        if not self._watcher.access(ptr, every, val.dtype.itemsize, Kind.ATOMIC).all():
            raise IndexError("an atomic compare-and-swap at an address in no tensor")
        found = self._inner.atomic_cas(ptr, cmp, val, sem)
        self._synchronised(ptr, every)
        return found

    def atomic_rmw(self, op: Any, ptr: Array, val: Array, mask: Array, sem: Any) -> Any:
        """Read, modify, write."""
        kept = self._watcher.access(ptr, mask, val.dtype.itemsize, Kind.ATOMIC)
        found = self._inner.atomic_rmw(op, ptr, val, kept, sem)
        self._synchronised(ptr, kept)
        return found

    def _synchronised(self, ptr: Array, mask: Array) -> None:
        if np.size(ptr) == 1 and np.all(mask):
            self._watcher.scalar_atomic(int(np.reshape(ptr, -1)[0]))


def _bits(x: Array) -> Array:
    """As unsigned integers: NaN equals itself."""
    return np.ascontiguousarray(x).view(np.dtype(f"u{x.dtype.itemsize}")).reshape(x.shape)


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Interpreted kernels tell the watcher what they do."""
    module = interpreter()
    if module is None:
        yield
        return
    with ExitStack() as undo:
        seam = Seam(module._interpreter, watcher)
        _replace(undo, module, "_interpreter", seam)
        _watch_launches(undo, module, watcher)
        _watch_programs(undo, module.interpreter_builder, watcher, False)
        _watch_products(undo, module.InterpreterBuilder, watcher)
        _leave_tuning_out(undo)
        for name in ("create_atomic_load", "create_atomic_store"):
            if hasattr(module.InterpreterBuilder, name):
                _mark_atomic(undo, module.InterpreterBuilder, name, seam)
        yield


@contextmanager
def reversed_programs() -> Iterator[None]:
    """The programs of each interpreted launch run in the opposite order."""
    module = interpreter()
    with ExitStack() as undo:
        if module is not None:
            _watch_programs(undo, module.interpreter_builder, None, True)
        yield


def _replace(undo: ExitStack, holder: Any, name: str, value: Any) -> None:
    own = vars(holder)
    if name in own:
        undo.callback(setattr, holder, name, own[name])
    else:
        undo.callback(delattr, holder, name)
    setattr(holder, name, value)


def _watch_launches(undo: ExitStack, module: Any, watcher: Watcher) -> None:
    plain = module.GridExecutor.__call__

    def call(self: Any, *args: Any, **options: Any) -> Any:
        arguments = (*args, *options.values())
        return watcher.launch(lambda: plain(self, *args, **options), arguments)

    _replace(undo, module.GridExecutor, "__call__", call)


def _watch_programs(undo: ExitStack, builder: Any, watcher: Watcher | None, reverse: bool) -> None:
    plain = builder.set_grid_idx

    def set_grid_idx(*index: int) -> None:
        if watcher is not None:
            watcher.program(math.prod(builder.grid_dim))
        place = [n - 1 - i for n, i in zip(builder.grid_dim, index, strict=True)]
        plain(*(place if reverse else index))

    _replace(undo, builder, "set_grid_idx", set_grid_idx)


def _watch_products(undo: ExitStack, builder: Any, watcher: Watcher) -> None:
    for name, right in (("create_dot", 1), ("create_dot_scaled", 3)):
        plain = getattr(builder, name, None)
        if plain is None:
            continue

        def product(
            self: Any, *args: Any, _plain: Any = plain, _right: int = right, **options: Any
        ) -> Any:
            result = _plain(self, *args, **options)
            inner = args[0].data.shape[-1] if _right == 1 else _scaled_inner(args)
            watcher.product(2 * result.data.size * inner)
            return result

        _replace(undo, builder, name, product)


def _scaled_inner(args: tuple[Any, ...]) -> int:
    """The summed size of a scaled product: packed four-bit operands hold two values a byte."""
    left, packed = args[0].data, args[2]
    return int(left.shape[-1]) * (2 if "E2M1" in str(packed).upper() else 1)


def _leave_tuning_out(undo: ExitStack) -> None:
    """A tuned kernel's trial runs are made once and for all, none is a call's own: not metered."""
    tuner = getattr(sys.modules.get("triton.runtime.autotuner"), "Autotuner", None)
    if tuner is not None:
        _replace(undo, tuner, "_bench", lambda *_, **__: [1.0, 1.0, 1.0])


def _mark_atomic(undo: ExitStack, builder: Any, name: str, seam: Seam) -> None:
    plain = getattr(builder, name)

    def marked(self: Any, *args: Any, **options: Any) -> Any:
        seam.atomic = True
        try:
            return plain(self, *args, **options)
        finally:
            seam.atomic = False

    _replace(undo, builder, name, marked)
