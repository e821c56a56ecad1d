"""One kernel with the arguments it is launched with, and compiling it without a GPU.

A module that lists such builds has `builds() -> Iterator[Build]` and a line in `_aot.MODULES`;
builds() is called once for each architecture, inside `_config.compiling_for(it)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from conform_kernels._interpreter import interpreting

# Arguments are written as examples: "*bf16" a pointer, 1 and None constants, an int a size (those
# divisible by 16 are specialised as Triton would), a float a float32, tuples as they are passed.
Argument = Any
STRIDES = (1 << 20, 1 << 16, 128, 1)
ITEMSIZE = {"*bf16": 2, "*fp16": 2, "*fp32": 4}
F = "*fp32"

TARGETS = {
    "sm_80": GPUTarget("cuda", 80, 32),
    "sm_90": GPUTarget("cuda", 90, 32),
    "sm_100": GPUTarget("cuda", 100, 32),
    "gfx942": GPUTarget("hip", "gfx942", 64),
}


@dataclass(frozen=True)
class Build:
    """One kernel, one set of constants; unsupported: by architecture, why it need not compile."""

    name: str
    kernel: Any
    arguments: tuple[Argument, ...]
    constants: dict[str, Any]
    num_warps: int = 4
    num_stages: int = 3
    unsupported: Mapping[str, str] = field(default_factory=dict)


def launched(
    name: str, kernel: Any, arguments: tuple[Argument, ...], constants: dict[str, Any]
) -> Build:
    """A build from a launcher's constants, num_warps and num_stages among them."""
    sizes = dict(constants)
    warps, stages = sizes.pop("num_warps"), sizes.pop("num_stages")
    return Build(name, kernel, arguments, sizes, warps, stages)


def source_of(build: Build) -> ASTSource:
    """What Triton compiles."""
    signature: dict[str, Any] = {}
    constants: dict[tuple[int, ...], Any] = {}
    attributes: dict[tuple[int, ...], Any] = {}
    names = build.kernel.arg_names
    for index, argument in enumerate(build.arguments):
        signature[names[index]] = _typed(argument, (index,), constants, attributes)
    for name, value in build.constants.items():
        signature[name] = "constexpr"
        constants[(names.index(name),)] = value
    return ASTSource(build.kernel, signature=signature, constexprs=constants, attrs=attributes)


def options_of(build: Build, target: GPUTarget) -> dict[str, int]:
    """Warps and stages as the kernel is compiled with them."""
    # AMD's pipeliner counts stages otherwise: two is what its own kernels use.
    stages = build.num_stages if target.backend == "cuda" else min(build.num_stages, 2)
    return {"num_warps": build.num_warps, "num_stages": stages}


def compile_build(build: Build, target: GPUTarget) -> Any:
    """The compiled kernel: `.asm`, `.metadata.shared` and so on."""
    if interpreting():
        raise ValueError(
            "TRITON_INTERPRET=1; expected it unset: interpreted kernels do not compile"
        )
    return triton.compile(source_of(build), target=target, options=options_of(build, target))


def _typed(x: Argument, path: tuple[int, ...], constants: dict, attributes: dict) -> Any:
    if isinstance(x, tuple):
        return tuple(_typed(y, (*path, i), constants, attributes) for i, y in enumerate(x))
    if x is None or (x == 1 and isinstance(x, int)):
        constants[path] = x
        return "constexpr"
    if isinstance(x, float):
        return "fp32"
    if isinstance(x, str) or x % 16 == 0:
        attributes[path] = [["tt.divisibility", 16]]
    return x if isinstance(x, str) else "i32"
