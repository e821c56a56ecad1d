"""The built-in target `kernels`: the Triton kernels of this repository.

On a machine without a GPU they run through Triton's interpreter; that has to be said before triton
is imported, and this module is the first to do so in the target's process.
"""

from __future__ import annotations

import importlib
import os
import pkgutil

import torch

os.environ.setdefault("TRITON_INTERPRET", "0" if torch.cuda.is_available() else "1")

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

CONFORM = {
    "name": "kernels",
    "device": "cpu" if conform_kernels.interpreting() else "cuda",
    "promises": ["traffic"],
    **conform_kernels.CONFORM,
}
