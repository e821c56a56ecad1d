"""Triton's interpreter (kernels on a CPU): bfloat16 mended, and its calls made cheaper.

The interpreter keeps bfloat16 as raw bits and computes on them. Here a bfloat16 value is a float32
that is rounded to the bfloat16 grid whenever it is made; memory holds two bytes, as it should.
Nothing is changed where kernels are compiled. The places patched are the same in Triton 3.6 to 3.9.
"""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable
from typing import Any

import triton.language as tl
from triton.runtime import interpreter as _triton

from conform_kernels._library import mend_library, show_library
from conform_kernels._tuning import mend_tuning

_np = _triton.np
_KEEP = _np.uint32(0xFFFF0000)
_MOST_TYPES = 10_000


def interpreting() -> bool:
    """Whether kernels run on the CPU (TRITON_INTERPRET=1 was set before triton was imported)."""
    return isinstance(tl.sum, _triton.InterpretedFunction)


def mend() -> None:
    """Mend the interpreter of this process; does nothing where kernels are compiled."""
    if interpreting() and not hasattr(_triton, "_conform_mended"):
        _triton._conform_mended = True
        _patch_values()
        _patch_memory()
        _patch_atomics()
        _patch_casts()
        _patch_language_once()
        _share_types()
        _patch_grids()
        _patch_numbers()
        mend_library()
        mend_tuning()
        # A kernel's infinities are meant; on a GPU nobody warns of them either.
        _np.seterr(all="ignore")
        options = _triton.interpreter_builder.options
        # Overflow checks are reported in debug mode only, and cost half of the time.
        _triton.interpreter_builder.options = dataclasses.replace(options, sanitize_overflow=False)


def _is_bfloat16(dtype: Any) -> bool:
    element = getattr(dtype, "element_ty", dtype)
    return element is tl.bfloat16 and not isinstance(dtype, tl.pointer_type)


def _rounded(data: Any) -> Any:
    """float32 rounded to the nearest bfloat16, ties to even; NaN stays NaN."""
    bits = _np.ascontiguousarray(data, dtype=_np.float32).view(_np.uint32)
    odd = (bits >> _np.uint32(16)) & _np.uint32(1)
    near = ((bits + _np.uint32(0x7FFF) + odd) & _KEEP).view(_np.float32)
    near = _np.where(_np.isnan(data), _np.float32(_np.nan), near)
    return near.reshape(_np.shape(data))


def _to_bits(data: Any) -> Any:
    rounded = _np.ascontiguousarray(_rounded(data), dtype=_np.float32)
    return (rounded.view(_np.uint32) >> _np.uint32(16)).astype(_np.uint16)


def _from_bits(bits: Any) -> Any:
    return (bits.astype(_np.uint32) << _np.uint32(16)).view(_np.float32)


def _patch_values() -> None:
    """A handle of bfloat16 holds float32 on the bfloat16 grid; dtypes are looked up once."""
    np_dtype, fits = _triton._get_np_dtype, _triton._validate_np_data_size
    after_init = _triton.TensorHandle.__post_init__
    known: dict[str, Any] = {"bf16": _np.dtype(_np.float32)}

    def get_np_dtype(dtype: Any) -> Any:
        element = getattr(dtype, "element_ty", dtype)
        name = element.name if type(element) is tl.dtype else None
        if name is None or isinstance(dtype, tl.pointer_type):
            return np_dtype(dtype)
        if name not in known:
            known[name] = np_dtype(element)
        return known[name]

    def validate(data: Any, dtype: Any) -> bool:
        return fits(data, dtype) if not _is_bfloat16(dtype) else data.dtype == _np.float32

    def post_init(handle: Any) -> None:
        if _is_bfloat16(handle.dtype):
            handle.data = _rounded(handle.data)
        after_init(handle)

    _triton._get_np_dtype, _triton._validate_np_data_size = get_np_dtype, validate
    _triton.TensorHandle.__post_init__ = post_init


def _as_mask(mask: Any) -> Any:
    """A scalar comparison spread over a block comes as integers, which are refused as a mask."""
    if isinstance(mask, _np.ndarray):  # Triton 3.6 passes a descriptor's mask bare
        mask = _triton.TensorHandle(mask, tl.int1)
    if mask.data.dtype == bool:
        return mask
    return _triton.TensorHandle(mask.data.astype(bool), tl.int1)


def _patch_memory() -> None:
    """Two bytes an element in memory, whatever it is in the interpreter."""
    builder = _triton.InterpreterBuilder
    load, store = builder.create_masked_load, builder.create_masked_store

    def masked_load(self: Any, ptrs: Any, mask: Any, other: Any, *rest: Any, **more: Any) -> Any:
        mask = _as_mask(mask)
        if not _is_bfloat16(ptrs.get_element_ty()):
            return load(self, ptrs, mask, other, *rest, **more)
        bits = _np.zeros(ptrs.data.shape, _np.uint16) if other is None else _to_bits(other.data)
        found = _triton._interpreter.load(ptrs.data, mask.data, bits, _np.dtype(_np.uint16))
        return _triton.TensorHandle(_from_bits(found), tl.bfloat16)

    def masked_store(self: Any, ptrs: Any, value: Any, mask: Any, *rest: Any, **more: Any) -> Any:
        mask = _as_mask(mask)
        if not _is_bfloat16(value.dtype):
            return store(self, ptrs, value, mask, *rest, **more)
        return _triton._interpreter.store(ptrs.data, _to_bits(value.data), mask.data)

    builder.create_masked_load, builder.create_masked_store = masked_load, masked_store


def _patch_atomics() -> None:
    """Of bfloat16: lane by lane, each reads what the lanes before it left at its address."""
    builder = _triton.InterpreterBuilder
    plain, kinds = builder.create_atomic_rmw, builder.ir_rmw_op_to_interpreter_rmw_op
    steps = {"FADD": _np.add, "ADD": _np.add, "MAX": _np.maximum, "MIN": _np.minimum}

    def rmw(self: Any, kind: Any, ptr: Any, val: Any, mask: Any, sem: Any, *scope: Any) -> Any:
        step = steps.get(kinds[kind].name) if _is_bfloat16(val.dtype) else None
        if step is None:
            return plain(self, kind, ptr, val, mask, sem, *scope)
        where, values = _np.ravel(ptr.data), _np.ravel(val.data)
        waiting = _np.ravel(_as_mask(mask).data).copy()
        before = _np.zeros(where.shape, _np.float32)
        load = getattr(self, "create_atomic_load", None)
        while waiting.any():
            left = _np.flatnonzero(waiting)
            now = _np.zeros_like(waiting)
            now[left[_np.unique(where[left], return_index=True)[1]]] = True
            at, some = _triton.TensorHandle(where, ptr.dtype), _triton.TensorHandle(now, tl.int1)
            found = load(at, some, sem, *scope) if load else self.create_masked_load(at, some, None)
            new = _triton.TensorHandle(_rounded(step(found.data, values)), tl.bfloat16)
            if load:
                self.create_atomic_store(at, new, some, sem, *scope)
            else:
                self.create_masked_store(at, new, some)
            before, waiting = _np.where(now, found.data, before), waiting & ~now
        return _triton.TensorHandle(before.reshape(_np.shape(val.data)), tl.bfloat16)

    builder.create_atomic_rmw = rmw


def _patch_casts() -> None:
    builder = _triton.InterpreterBuilder
    plain_cast, plain_fp = builder.cast_impl, builder.create_fp_to_fp
    plain_bits, plain_abs = builder.create_bitcast, builder.create_fabs

    def cast(self: Any, src: Any, dst: Any) -> Any:
        if not (_is_bfloat16(src.dtype) or _is_bfloat16(dst)):
            return plain_cast(self, src, dst)
        return _triton.TensorHandle(src.data.astype(_triton._get_np_dtype(dst)), dst.scalar)

    def fp_to_fp(self: Any, src: Any, dst: Any, rounding: Any) -> Any:
        if not (_is_bfloat16(src.dtype) or _is_bfloat16(dst)):
            return plain_fp(self, src, dst, rounding)
        data = src.data
        if _is_bfloat16(dst) and rounding == _triton._ir.ROUNDING_MODE.RTZ:
            data = (_np.ascontiguousarray(data).view(_np.uint32) & _KEEP).view(_np.float32)
        return cast(self, _triton.TensorHandle(data, src.dtype), dst)

    def bitcast(self: Any, src: Any, dst: Any) -> Any:
        if _is_bfloat16(src.dtype):
            data = _to_bits(src.data).view(_triton._get_np_dtype(dst))
        elif _is_bfloat16(dst):
            data = _from_bits(src.data.view(_np.uint16))
        else:
            return plain_bits(self, src, dst)
        return _triton.TensorHandle(data, dst.scalar)

    def fabs(self: Any, arg: Any) -> Any:
        plain = not _is_bfloat16(arg.dtype)
        return plain_abs(self, arg) if plain else self.unary_op(arg, _np.abs)

    builder.cast_impl, builder.create_fp_to_fp = cast, fp_to_fp
    builder.create_bitcast, builder.create_fabs = bitcast, fabs


class _Kept:
    """Stands for a patched scope that stays patched."""

    def restore(self) -> None:
        return


def _patch_language_once() -> None:
    """Point Triton's language at the interpreter once, not anew at each call of each function."""
    patch: Callable[[Any], Any] = _triton._patch_lang
    seen: set[tuple[int, ...]] = set()
    known: set[int] = set()

    def patch_once(fn: Any) -> _Kept:
        if id(fn.__globals__) not in known:
            known.add(id(fn.__globals__))
            show_library(fn.__globals__)
            key = tuple({id(x) for x in fn.__globals__.values() if x is tl or x is tl.core})
            if key not in seen:
                seen.add(key)
                patch(fn)
                # Triton 3.6 asks numpy for int(array of one element), refused since numpy 2.4.
                tl.tensor.__index__ = lambda self: int(self.handle.data.item())
        return _Kept()

    _triton._patch_lang = patch_once


def _patch_grids() -> None:
    """A grid may be a list, too, as it may where kernels are compiled."""
    plain = _triton.GridExecutor.__init__

    def init(self: Any, fn: Any, names: Any, grid: Any, *rest: Any) -> None:
        called = (lambda found: tuple(grid(found))) if callable(grid) else tuple(grid)
        plain(self, fn, names, called, *rest)

    _triton.GridExecutor.__init__ = init


class _Number(float):
    """A kernel's argument that is a float: still a number here, but cast as a tensor is."""

    dtype = tl.float32

    def to(self, dtype: Any, *args: Any, **options: Any) -> Any:
        tensor = _triton.interpreter_semantic.to_tensor(float(self))
        return tensor.to(dtype, *args, **options)


def _patch_numbers() -> None:
    plain = _triton._implicit_cvt
    _triton._implicit_cvt = lambda arg: _Number(arg) if type(arg) is float else plain(arg)


def _share_types() -> None:
    """Work out a block's type, and the shape of a tensor of that type, once: half of the time."""
    block_init, tensor_init = tl.block_type.__init__, tl.tensor.__init__
    blocks: dict[tuple[int, ...], dict[str, Any]] = {}
    tensors: dict[int, tuple[Any, dict[str, Any]]] = {}

    def init_block(self: Any, element_ty: Any, shape: Any) -> None:
        key = (id(element_ty), *[operator.index(size) for size in shape])
        known = blocks.get(key)
        if known is None:
            block_init(self, element_ty, shape)
            if len(blocks) > _MOST_TYPES:
                blocks.clear()
                tensors.clear()
            # It holds element_ty, so that its id stays taken as long as the key.
            blocks[key] = dict(self.__dict__)
        else:
            self.__dict__.update(known)

    def init_tensor(self: Any, handle: Any, type: Any) -> None:
        # Types that were made alike share one shape.
        known = tensors.get(id(type.__dict__.get("shape"))) if type.is_block() else None
        if known is None or known[1]["dtype"] is not type.element_ty:
            tensor_init(self, handle, type)
            if type.is_block():
                tensors[id(type.shape)] = (type, dict(self.__dict__))
            return
        self.__dict__.update(known[1])
        self.handle, self.type = handle, type

    tl.block_type.__init__, tl.tensor.__init__ = init_block, init_tensor
