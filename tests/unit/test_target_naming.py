"""Naming targets: built-in names, modules, files, folders, entry points. No worker starts."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from conform.errors import ConformError
from conform.target.ref import TargetKind, TargetRef, parse_target


@pytest.mark.parametrize("name", ["reference", "kernels", "torch"])
def test_built_in_names(name: str) -> None:
    ref = parse_target(name)
    assert (ref.kind, ref.name) == (TargetKind.MODULE, name)
    assert ref.location.startswith("conform.builtin.")


def test_a_module_is_found_from_here_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "found_package"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "inner.py").write_text("raise RuntimeError('imported')")
    monkeypatch.chdir(tmp_path)
    ref = parse_target("found_package.inner")
    assert (ref.name, ref.location, ref.folder) == ("inner", "found_package.inner", str(tmp_path))
    assert "found_package" not in sys.modules


def test_a_path_and_a_package_folder(tmp_path: Path) -> None:
    (tmp_path / "kernel.py").write_text("")
    assert parse_target(str(tmp_path / "kernel.py")).name == "kernel"
    (tmp_path / "__init__.py").write_text("")
    ref = parse_target(f"{tmp_path}/")
    assert ref.name == tmp_path.name
    assert ref.location.endswith("__init__.py")


def test_exec_targets_are_recognised() -> None:
    ref = parse_target("exec:./serve --fast")
    assert (ref.kind, ref.name, ref.location) == (TargetKind.EXEC, "serve", "./serve --fast")


def test_an_entry_point_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "someones-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: someones\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[conform.targets]\nsomeones-kernel = someones.adapter\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert parse_target("someones-kernel").location == "someones.adapter"
    with pytest.raises(ConformError, match="did you mean 'someones-kernel'"):
        parse_target("someones-kernels")


def test_a_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "my_kernel.py").write_text("")
    with pytest.raises(ConformError, match=r"did you mean 'my_kernel\.py'") as caught:
        parse_target(str(tmp_path / "my_kernle.py"))
    assert caught.value.slug == "target-file-missing"


@pytest.mark.parametrize(
    ("text", "slug", "words"),
    [
        ("referense", "unknown-target", "did you mean 'reference'?"),
        ("no.such.module", "unknown-target", "no target 'no.such.module'"),
        ("json.no_such", "unknown-target", "no target 'json.no_such'"),
        (" ", "target-empty", "name is empty"),
        ("exec: ", "target-empty", "needs a command"),
        ("/no/such/file.py", "target-file-missing", "/no/such/file.py"),
    ],
)
def test_unknown_targets(text: str, slug: str, words: str) -> None:
    with pytest.raises(ConformError) as caught:
        parse_target(text)
    assert caught.value.slug == slug
    assert words in str(caught.value)


def test_a_folder_that_is_no_package(tmp_path: Path) -> None:
    with pytest.raises(ConformError, match=r"has no __init__\.py"):
        parse_target(f"{tmp_path}/")


def test_references_survive_json() -> None:
    ref = TargetRef("a/b.py", TargetKind.FILE, "b", "/a/b.py")
    assert TargetRef.from_json(json.loads(json.dumps(ref.to_json()))) == ref
