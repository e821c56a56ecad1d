"""Triton in a worker: interpreted where the target runs on the CPU, its bfloat16 mended.

That kernels are interpreted has to be said before triton is imported, hence before the target is.
"""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path

import torch

SWITCH = "TRITON_INTERPRET"


def prepare(file: Path | None, device: str | None) -> None:
    """Before a target is imported: have Triton interpret kernels that are to run on the CPU.

    `device` is the one asked for, else what a target's file declares; where neither says, the
    machine decides. What the user has set in the environment stays.
    """
    device = device or (declared_device(file) if file is not None else None)
    if device == "cpu" or (device is None and not torch.cuda.is_available()):
        os.environ.setdefault(SWITCH, "1")


def declared_device(file: Path) -> str | None:
    """The device in a file's CONFORM dict, read without running it; None where that fails."""
    try:
        tree = ast.parse(file.read_text())
    except (OSError, SyntaxError, ValueError):
        return None
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(x, ast.Name) and x.id == "CONFORM" for x in targets):
            try:
                declared = ast.literal_eval(node.value)  # type: ignore[attr-defined]
            except ValueError:
                return None
            device = declared.get("device", "cpu") if isinstance(declared, dict) else None
            return device if isinstance(device, str) else None
    return None


def mend() -> None:
    """Mend the interpreter, if triton is there and interprets; once, and at no cost without."""
    if "triton.runtime.interpreter" in sys.modules:
        import conform_kernels  # noqa: F401 - it mends when it is imported
