"""The built-in target `kernels`: the Triton kernels of this repository."""

from __future__ import annotations

import importlib
import pkgutil

import conform_kernels
from conform.errors import ConformError

_MODULES = sorted(
    found.name
    for found in pkgutil.iter_modules(conform_kernels.__path__)
    if not found.name.startswith("_")
)

if not _MODULES:
    raise ConformError(
        "no-kernels",
        "conform_kernels has no operators yet",
        hint="check `--target reference` or `--target torch` instead",
        where="kernels",
    )

for _name in _MODULES:
    _module = importlib.import_module(f"conform_kernels.{_name}")
    for _operator in getattr(_module, "__all__", ()):
        globals()[_operator] = getattr(_module, _operator)

CONFORM = {"name": "kernels", "dtypes": ["float32", "bfloat16", "float16"]}
