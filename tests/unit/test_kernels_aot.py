"""The list for compiling ahead of time fits the kernels, and one of them compiles without a GPU."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton")
PACKAGE = Path(__file__).parents[2] / "kernels" / "conform_kernels"


def run(program: str) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_every_build_gives_each_argument_once() -> None:
    out = run(
        "from conform_kernels import _aot\n"
        "for b in _aot.builds():\n"
        "    given = b.kernel.arg_names[:len(b.arguments)] + list(b.constants)\n"
        "    print(b.name, sorted(given) == sorted(b.kernel.arg_names))\n"
    )
    lines = out.splitlines()
    assert len(lines) > 50
    assert [line for line in lines if not line.endswith("True")] == []


def test_every_launched_kernel_is_listed() -> None:
    """A kernel is launched as kernel[grid](...): each such name must be built."""
    launched = set()
    for file in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Subscript):
                owner = node.func.value
                if isinstance(owner, ast.Name) and owner.id != "kernel":
                    launched.add((file.stem, owner.id))
    built = set(
        run(
            "from conform_kernels import _aot\n"
            "print(*{b.kernel.fn.__name__ for b in _aot.builds()})"
        ).split()
    )
    assert len(launched) > 15
    assert {name for _, name in launched} <= built


def test_one_compiles_without_a_gpu() -> None:
    out = run(
        "from triton.backends.compiler import GPUTarget\n"
        "from conform_kernels import _aot\n"
        "build = next(b for b in _aot.builds() if b.name == 'swish.forward')\n"
        "print(sorted(_aot.compile_build(build, GPUTarget('cuda', 90, 32)).asm))\n"
    )
    assert "cubin" in out


def test_each_architecture_has_its_tiles() -> None:
    out = run(
        "from conform_kernels import _aot, _config\n"
        "for name in ('sm_80', 'sm_89', 'sm_90', 'sm_100', 'gfx942'):\n"
        "    with _config.compiling_for(name):\n"
        "        print(name, _config.family(), _config.forward_tile(128, 2).num_warps)\n"
    )
    assert out.splitlines() == [
        "sm_80 ampere 8", "sm_89 ampere 8", "sm_90 hopper 8", "sm_100 blackwell 8", "gfx942 amd 4",
    ]  # fmt: skip


def test_the_sample_has_every_kernel_for_every_architecture() -> None:
    out = run(
        "from conform_kernels import _aot\n"
        "for name in ('sm_80', 'sm_90', 'sm_100', 'gfx942'):\n"
        "    everyone, sample = _aot.builds(name), _aot.sample(name)\n"
        "    left = {id(b.kernel) for b in everyone} - {id(b.kernel) for b in sample}\n"
        "    print(name, len(left), len(sample) < len(everyone))\n"
    )
    assert [line.split()[1:] for line in out.splitlines()] == [["0", "True"]] * 4
