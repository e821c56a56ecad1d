"""The plan of the house: one-way imports, a light command line, small documented files."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "conform": ROOT / "conformance" / "conform",
    "conform_spec": ROOT / "spec" / "conform_spec",
    "conform_reference": ROOT / "reference" / "conform_reference",
    "conform_kernels": ROOT / "kernels" / "conform_kernels",
    "conform_reports": ROOT / "reports" / "conform_reports",
}
# What each package may import of the house, besides itself.
ALLOWED: dict[str, tuple[str, ...]] = {
    "conform_spec": (),
    "conform_reference": ("conform_spec",),
    "conform": ("conform_spec", "conform_reference"),
    "conform_reports": (
        "conform.records",
        "conform.wording",
        "conform.reading",
        "conform.failure_text",
        "conform.errors",
    ),
    "conform_kernels": (),
}
LONGEST = 500


def files(package: str) -> list[Path]:
    return sorted(PACKAGES[package].rglob("*.py"))


def imported(tree: ast.AST, file: Path, package: str) -> Iterator[str]:
    """Full names of the imported modules, relative imports resolved."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = [package, *file.relative_to(PACKAGES[package]).parts[:-1]]
                base = ".".join([*parts[: len(parts) - node.level + 1], *([base] if base else [])])
            # The imported name may be a submodule.
            yield from (f"{base}.{alias.name}" for alias in node.names)


def within(name: str, allowed: str) -> bool:
    return name == allowed or name.startswith(allowed + ".")


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_one_way(package: str) -> None:
    assert files(package)
    wrong = []
    for file in files(package):
        for name in imported(ast.parse(file.read_text()), file, package):
            ours = any(within(name, own) for own in PACKAGES)
            # conform/builtin holds targets: they run in the worker and may import what they show.
            builtin = file.parent.name == "builtin" and within(name, "conform_kernels")
            fine = (
                builtin
                or within(name, package)
                or any(within(name, other) for other in ALLOWED[package])
            )
            if ours and not fine:
                wrong.append(f"{file.relative_to(ROOT)}: {name}")
    assert wrong == []


def test_kernels_need_torch_and_triton_alone() -> None:
    standard = set(sys.stdlib_module_names) | {"torch", "triton", "conform_kernels"}
    for file in files("conform_kernels"):
        for name in imported(ast.parse(file.read_text()), file, "conform_kernels"):
            assert name.split(".")[0] in standard, f"{file}: {name}"


def test_the_rule_would_notice() -> None:
    tree = ast.parse(
        "from conform.run import runner\nfrom . import html\nimport conform.law.grammar"
    )
    names = list(imported(tree, PACKAGES["conform_reports"] / "view.py", "conform_reports"))
    assert names == ["conform.run.runner", "conform_reports.html", "conform.law.grammar"]


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["list"],
        ["run", "--help"],
        ["list", "--properties"],
        ["explain", "attention"],
        ["schema"],
        ["--version"],
    ],
)
def test_light_verbs_do_not_import_torch(words: list[str]) -> None:
    program = (
        f"import sys\nsys.argv = ['conform', *{words!r}]\nfrom conform.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "heavy = [m for m in ('torch', 'numpy', 'scipy', 'hypothesis') if m in sys.modules]\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip()


@pytest.mark.parametrize("package", PACKAGES)
def test_files_are_small(package: str) -> None:
    lengths = {str(f.relative_to(ROOT)): len(f.read_text().splitlines()) for f in files(package)}
    assert {name: n for name, n in lengths.items() if n > LONGEST} == {}


def undocumented(body: list[ast.stmt], prefix: str) -> Iterator[str]:
    for node in body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or node.name.startswith("_"):
            continue
        overload = any("overload" in ast.unparse(d) for d in node.decorator_list)
        if not overload and not ast.get_docstring(node):
            yield f"{prefix}.{node.name}"
        if isinstance(node, ast.ClassDef):
            yield from undocumented(node.body, f"{prefix}.{node.name}")


@pytest.mark.parametrize(
    "package", ["conform", "conform_reference", "conform_reports", "conform_kernels"]
)
def test_public_functions_have_docstrings(package: str) -> None:
    found = [
        name
        for file in files(package)
        for name in undocumented(ast.parse(file.read_text()).body, str(file.relative_to(ROOT)))
    ]
    assert found == []


@pytest.mark.parametrize("package", ["conform", "conform_reports"])
def test_modules_have_docstrings(package: str) -> None:
    bare = [
        str(f)
        for f in files(package)
        if f.read_text() and not ast.get_docstring(ast.parse(f.read_text()))
    ]
    assert bare == []


def test_library_code_has_no_asserts() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for package in PACKAGES
        for file in files(package)
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Assert)
    ]
    assert found == []
