"""The device library (libdevice) for kernels that are interpreted.

A compiled kernel links these functions by name; Triton's interpreter refuses them. Here they are
torch's, worked out in float64 and rounded once, which is closer than what the library promises.
"""

from __future__ import annotations

import functools
import importlib
import re
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

import torch
from triton.runtime import interpreter as _triton

_np = _triton.np
_ROOT = "triton.language.extra"
_STUBS = f"{_ROOT}.libdevice"
_HOMES = (f"{_ROOT}.cuda.libdevice", f"{_ROOT}.hip.libdevice")
_SYMBOL = re.compile(r"(?:__nv_|__ocml_|__)(?:fast_)?(.*?)(?:_f32|_f64|_rn)?$")
_AS_IN_TORCH = (
    "acos acosh asin asinh atan atan2 atanh ceil copysign cos cosh erf erfc erfinv exp exp2 expm1 "
    "floor fmax fmin fmod hypot lgamma log log10 log1p log2 nextafter pow rsqrt sin sinh sqrt tan "
    "tanh trunc"
)


def _away_from_zero(x: torch.Tensor) -> torch.Tensor:
    return torch.copysign(torch.floor(x.abs() + 0.5), x)


_FUNCTIONS: dict[str, Callable[..., torch.Tensor]] = {
    **{name: getattr(torch, name) for name in _AS_IN_TORCH.split()},
    "add": torch.add,
    "cbrt": lambda x: torch.copysign(x.abs().pow(1 / 3), x),
    "div": torch.div,
    "erfcx": torch.special.erfcx,
    "exp10": lambda x: torch.pow(10.0, x),
    "fabs": torch.abs,
    "fdim": lambda x, y: torch.where(x > y, x - y, 0.0),
    "fdivide": torch.div,
    "finite": torch.isfinite,
    "fma": lambda x, y, z: x * y + z,
    "isfinite": torch.isfinite,
    "isinf": torch.isinf,
    "isnan": torch.isnan,
    "mul": torch.mul,
    "nearbyint": torch.round,
    "normcdf": torch.special.ndtr,
    "powi": torch.pow,
    "rcp": torch.reciprocal,
    "rint": torch.round,
    "round": _away_from_zero,
    "saturate": lambda x: x.clamp(0.0, 1.0),
    "signbit": torch.signbit,
    "sub": torch.sub,
}


def _function(symbol: str) -> Callable[..., torch.Tensor]:
    """What a symbol stands for; an f or d at an end says the type where no name is left with it."""
    found = _SYMBOL.match(symbol)
    name = found[1] if found else symbol
    for spelled in (name, name[:-1], name[1:]):
        if spelled in _FUNCTIONS and (spelled == name or {name[0], name[-1]} & {"f", "d"}):
            return _FUNCTIONS[spelled]
    raise NotImplementedError(f"{symbol} is not among the functions that can be interpreted")


def mend_library() -> None:
    """Give the interpreter the library's functions, however a kernel names them."""
    _triton.InterpreterBuilder.create_extern_elementwise = _elementwise


def show_library(names: dict[str, Any]) -> None:
    """Replace the library's functions among a kernel's names by such as can be interpreted."""
    modules = [vars(sys.modules[home]) for home in (_STUBS, *_HOMES) if home in sys.modules]
    for holder in (names, *modules):
        for name, value in list(holder.items()):
            if isinstance(value, FunctionType) and value.__module__ in (_STUBS, *_HOMES):
                holder[name] = _interpreted(value.__module__, value.__name__) or value


@functools.cache
def _interpreted(home: str, name: str) -> Callable[..., Any] | None:
    """A function of the library, called with the interpreter's builder."""
    module = importlib.import_module(_HOMES[0] if home == _STUBS else home)
    found = getattr(module, name, None)
    plain = getattr(found, "__wrapped__", None)
    if plain is None:
        return None

    @functools.wraps(plain)
    def call(*args: Any) -> Any:
        return plain(*args, _semantic=_triton.interpreter_semantic)

    return call


def _elementwise(
    self: Any, library: str, path: str, symbol: str, args: list[Any], result: Any, pure: bool
) -> Any:
    dtype = getattr(result, "element_ty", result)
    values = [torch.from_numpy(_np.asarray(x.data, dtype=_np.float64)) for x in args]
    out = _function(symbol)(*values).numpy().astype(_triton._get_np_dtype(dtype))
    return _triton.TensorHandle(_np.broadcast_to(out, _np.shape(args[0].data)).copy(), dtype)
