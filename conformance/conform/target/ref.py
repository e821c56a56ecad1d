"""Naming a target: from the text after `--target` to what has to be loaded, without loading it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from conform.errors import ConformError
from conform.nearest import nearest

ENTRY_POINT_GROUP = "conform.targets"

BUILTIN_TARGETS = {
    "reference": "conform.builtin.reference",
    "kernels": "conform.builtin.kernels",
    "torch": "conform.builtin.torch_functional",
}


class TargetKind(StrEnum):
    """What a target is."""

    MODULE = "module"
    FILE = "file"
    EXEC = "exec"


@dataclass(frozen=True)
class TargetRef:
    """A target that has been found but not loaded.

    `text` is what the user wrote, `name` what reports call it unless it names itself. `location`
    is a dotted module name, an absolute path (a .py file, or a package's `__init__.py`), or a
    command. `folder` is prepended to the import path of its process; empty: nothing is.
    """

    text: str
    kind: TargetKind
    name: str
    location: str
    folder: str = ""

    def to_json(self) -> dict[str, str]:
        """As a JSON-able record."""
        return {
            "text": self.text,
            "kind": self.kind.value,
            "name": self.name,
            "location": self.location,
            "folder": self.folder,
        }

    @classmethod
    def from_json(cls, record: dict[str, str]) -> TargetRef:
        """What `to_json` wrote."""
        return cls(
            text=record["text"],
            kind=TargetKind(record["kind"]),
            name=record["name"],
            location=record["location"],
            folder=record["folder"],
        )


def parse_target(text: str) -> TargetRef:
    """Find the target that `text` names; relative paths and modules are looked up from here.

    In this order: `exec:COMMAND`, a path (ends in .py or has a slash), a built-in name, an entry
    point of the group `conform.targets`, an importable module or package.
    Raises ConformError: `target-empty`, `target-file-missing`, `target-no-package`,
    `unknown-target`.
    """
    if not text.strip():
        raise ConformError("target-empty", "the target's name is empty", hint="try --target torch")
    if text.startswith("exec:"):
        return _exec_target(text)
    if text.endswith(".py") or "/" in text or os.sep in text or text in (".", ".."):
        return _path_target(text)
    if text in BUILTIN_TARGETS:
        return TargetRef(text, TargetKind.MODULE, text, BUILTIN_TARGETS[text])
    registered = entry_points(group=ENTRY_POINT_GROUP)
    for entry in registered:
        if entry.name == text:
            return _entry_point_target(text, entry)
    here = os.getcwd()
    if _is_importable(text, [here, *sys.path]):
        return TargetRef(text, TargetKind.MODULE, text.rpartition(".")[2], text, here)
    raise _unknown(text, [entry.name for entry in registered])


def _exec_target(text: str) -> TargetRef:
    command = text.removeprefix("exec:").strip()
    if not command:
        raise ConformError(
            "target-empty", "exec: needs a command", hint="for example exec:./my_target --serve"
        )
    return TargetRef(text, TargetKind.EXEC, Path(command.split()[0]).stem, command, os.getcwd())


def _entry_point_target(text: str, entry: EntryPoint) -> TargetRef:
    if entry.attr:
        raise ConformError(
            "target-entry-point",
            f"entry point '{entry.name}' is {entry.value!r}; expected a module, without ':'",
            where=text,
        )
    return TargetRef(text, TargetKind.MODULE, text, entry.module)


def _path_target(text: str) -> TargetRef:
    path = Path(text).expanduser().resolve()
    if not path.exists():
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise ConformError(
            "target-file-missing",
            f"there is no such file or folder: {path}{nearest(path.name, siblings)}",
            where=text,
        )
    name = path.name if path.is_dir() else path.stem
    if path.is_dir():
        path = path / "__init__.py"
        if not path.exists():
            raise ConformError(
                "target-no-package",
                f"the folder has no __init__.py: {path.parent}",
                hint="name a .py file, or make the folder a package",
                where=text,
            )
    elif path.suffix != ".py":
        raise ConformError(
            "target-file-missing", f"{path.name} is no Python file (.py)", where=text
        )
    return TargetRef(text, TargetKind.FILE, name, str(path))


def _is_importable(text: str, path: Sequence[str]) -> bool:
    """Whether a dotted name can be found; no module is imported to find out."""
    search: Sequence[str] | None = path
    parts = text.split(".")
    for count in range(1, len(parts) + 1):
        dotted = ".".join(parts[:count])
        if not all(part.isidentifier() for part in parts) or search is None:
            return False
        found: ModuleSpec | None = PathFinder.find_spec(dotted, list(search))
        if found is None:
            # Editable installations answer through finders of their own, for top-level names only.
            found = _ask_other_finders(dotted) if count == 1 else None
        if found is None:
            return False
        search = found.submodule_search_locations
    return True


def _ask_other_finders(name: str) -> ModuleSpec | None:
    for finder in sys.meta_path:
        find_spec = getattr(finder, "find_spec", None)
        found = find_spec(name, None) if find_spec is not None else None
        if isinstance(found, ModuleSpec):
            return found
    return None


def _unknown(text: str, registered: Sequence[str]) -> ConformError:
    files = [path.name for path in Path.cwd().glob("*.py")]
    stems = [Path(name).stem for name in files]
    known = [*BUILTIN_TARGETS, *registered]
    return ConformError(
        "unknown-target",
        f"no target '{text}': it is no built-in name, entry point or importable module"
        f"{nearest(text, [*known, *stems, *files])}",
        hint=f"known: {', '.join(known)}; or name a module, a .py file or a package folder",
    )
