"""Importing a target. Only the worker process does this."""

from __future__ import annotations

import importlib
import importlib.util
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from conform.errors import ConformError
from conform.target.claims import OperatorSignature, TargetDescription
from conform.target.discovery import discover
from conform.target.external import import_external
from conform.target.ref import TargetKind, TargetRef
from conform.work.frames import user_traceback


@dataclass(frozen=True)
class LoadedTarget:
    """An imported target: what it claims, and the functions behind it."""

    description: TargetDescription
    functions: Mapping[str, Callable[..., Any]]


def load_target(
    ref: TargetRef, operators: Sequence[OperatorSignature], device: str | None = None
) -> LoadedTarget:
    """Import the target and find its operators; `device` overrides the declared one.

    Raises ConformError: `target-import` with the user's frames when the import fails,
    `device-missing`, and whatever discovery finds wrong.
    """
    module = import_target(ref)
    found = discover(module, ref.name, operators)
    chosen = device or found.declaration.device
    _check_device(chosen, ref)
    description = TargetDescription(
        name=found.declaration.name or ref.name,
        device=chosen,
        dtypes=found.declaration.dtypes,
        operators=found.claims,
        versions=_versions(module, chosen),
        file=getattr(module, "__file__", None),
        skipped=found.skipped,
        promises=found.declaration.promises,
    )
    return LoadedTarget(description, found.functions)


def import_target(ref: TargetRef) -> ModuleType:
    """The target's module, registered in sys.modules under its own name before it is executed."""
    if ref.folder and ref.folder not in sys.path:
        sys.path.insert(0, ref.folder)
    try:
        if ref.kind is TargetKind.FILE:
            return _import_file(Path(ref.location), ref)
        if ref.kind is TargetKind.EXEC:
            return import_external(ref)
        return importlib.import_module(ref.location)
    except ConformError:
        raise
    except BaseException as error:  # sys.exit at the top level is an import error, too
        raise _import_error(error, ref) from error


def _import_file(path: Path, ref: TargetRef) -> ModuleType:
    """Import a .py file, as part of the package that it lies in if there is one."""
    root, name = _dotted_name(path)
    if "." in name or path.name == "__init__.py":
        _refuse_clash(name.partition(".")[0], root, ref)
        sys.path.insert(0, str(root))
        return importlib.import_module(name)
    _refuse_clash(name, root, ref)
    sys.path.insert(0, str(root))
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConformError("target-import", f"Python cannot load {path}", where=ref.text)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _dotted_name(path: Path) -> tuple[Path, str]:
    """The folder to import from, and the module's full name: packages have an `__init__.py`."""
    parts = [] if path.name == "__init__.py" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").exists():
        parts.insert(0, folder.name)
        folder = folder.parent
    return folder, ".".join(parts)


def _refuse_clash(name: str, folder: Path, ref: TargetRef) -> None:
    """A target called like a module that is in use would take that module's place."""
    present = sys.modules.get(name)
    if present is None and name not in sys.stdlib_module_names:
        return
    file = getattr(present, "__file__", None)
    if file is not None and folder in Path(file).resolve().parents:
        return
    raise ConformError(
        "target-name-clash",
        f"the target's module would be called '{name}', like a module that is already loaded",
        hint=f"rename it, for example my_{name}",
        where=ref.text,
    )


def _import_error(error: BaseException, ref: TargetRef) -> ConformError:
    if isinstance(error, SystemExit):
        what = f"it called sys.exit({error.code!r})"
    elif isinstance(error, SyntaxError):
        what = f"SyntaxError: {error.msg}"
    else:
        what = f"{type(error).__name__}: {error}"
    hint = "the traceback shows your own files only"
    if isinstance(error, ModuleNotFoundError) and error.name:
        hint = f"is '{error.name}' installed in {sys.prefix}?"
    package = (getattr(error, "name", None) or "").partition(".")[0]
    if ref.kind is TargetKind.FILE and package:
        beside = Path(ref.location).parent / f"{package}.py"
        if beside.exists():
            hint = f"{beside.name} hides the package of that name: rename it, say my_{beside.name}"
    return ConformError(
        "target-import",
        f"importing it failed: {what}\n{user_traceback(error)}".rstrip(),
        hint=hint,
        where=ref.text,
    )


def _check_device(device: str, ref: TargetRef) -> None:
    if device == "cpu":
        return
    if not device.startswith("cuda"):
        raise ConformError(
            "unknown-device", f"device={device!r}; expected 'cpu' or 'cuda'", where=ref.text
        )
    if not torch.cuda.is_available():
        raise ConformError(
            "device-missing",
            f"device={device!r}, but torch {torch.__version__} finds no CUDA device here",
            hint="run it on a machine with one, or with --device cpu",
            where=ref.text,
        )


def _versions(module: ModuleType, device: str) -> dict[str, str]:
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    own = getattr(module, "__version__", None)
    if isinstance(own, str):
        versions[module.__name__] = own
    for name in ("triton", "transformers", "numpy"):
        version = getattr(sys.modules.get(name), "__version__", None)
        if isinstance(version, str):
            versions[name] = version
    if device.startswith("cuda"):
        versions["cuda"] = str(torch.version.cuda)
        versions["gpu"] = torch.cuda.get_device_name(device)
    return versions
