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


def test_resources_are_read_from_the_log() -> None:
    log = (
        "ptxas info : Function properties for k\n"
        "    8 bytes stack frame, 16 bytes spill stores, 24 bytes spill loads\n"
        "ptxas info : Used 255 registers, used 1 barriers\n"
    )
    out = run(f"from conform_kernels import _aot\nprint(_aot.resources({log!r}))")
    assert ast.literal_eval(out) == {
        "stack": 8, "spill_stores": 16, "spill_loads": 24, "registers": 255,
    }  # fmt: skip
