"""Every kernel with the arguments it is launched with, for compiling ahead of time, without a GPU.

`builds()` lists them with the tiles of `_config`; `compile_build(build, TARGETS["sm_90"])` compiles
one. `python -m conform_kernels._aot` compiles a sample for four architectures and compares it with
the committed table (`_aot_table.json`), with --update it writes the table. Kernels must be
compiled, not interpreted.
"""

from __future__ import annotations

import math
from importlib import import_module

from conform_kernels._aot_build import Build, F, compile_build
from conform_kernels._config import compiling_for

__all__ = ["MODULES", "Build", "builds", "compile_build", "sample"]

# Each has `builds() -> Iterator[Build]`.
MODULES = (
    "_aot_rows",
    "_aot_attention",
    "_aot_linear",
    "_aot_moe",
    "_aot_cache",
    "_aot_add_norm",
    "_aot_products",
)


def builds(architecture: str = "sm_90") -> tuple[Build, ...]:
    """Every kernel with the configurations that its launcher chooses between there."""
    modules = (import_module(f"conform_kernels.{name}") for name in MODULES)
    with compiling_for(architecture):
        found = tuple(build for module in modules for build in module.builds())
    names = [build.name for build in found]
    if len(set(names)) != len(names):
        raise ValueError(f"names of builds are not unique: {sorted(names)}")
    return found


def sample(architecture: str) -> tuple[Build, ...]:
    """The builds that the table holds: few enough to compile in minutes on two cores.

    Everywhere each kernel's largest in half precision, and attention's most frequent ones; float32
    for sm_90 and gfx942 (the latter has least shared memory), or where there is nothing else. For
    sm_90 also each kernel's smallest and all of attention, in half precision.
    """
    found = builds(architecture)
    halves = {id(build.kernel) for build in found if not _wide(build)}
    main = architecture == "sm_90"
    ends = _ends(found, smallest=main)
    return tuple(
        build
        for build in found
        if (
            build.name in ends
            and (
                not _wide(build)
                or architecture in ("sm_90", "gfx942")
                or id(build.kernel) not in halves
            )
        )
        or (main and not _wide(build) and "attention" in build.kernel.fn.__module__)
        or "bf16.d128.causal" in build.name
    )


def _ends(builds: tuple[Build, ...], *, smallest: bool) -> set[str]:
    """Names of the largest of each kernel and precision, and perhaps the smallest in half."""
    by_kernel: dict[tuple[int, bool], list[Build]] = {}
    for build in builds:
        by_kernel.setdefault((id(build.kernel), _wide(build)), []).append(build)
    largest = {max(group, key=_size).name for group in by_kernel.values()}
    if not smallest:
        return largest
    halves = [group for (_, wide), group in by_kernel.items() if not wide]
    return largest | {min(group, key=_size).name for group in halves}


def _wide(build: Build) -> bool:
    """Whether its first tensor of a known dtype is float32, so that products are not in half."""
    return next((x for x in build.arguments if x in ("*bf16", "*fp16", F)), None) == F


def _size(build: Build) -> int:
    return math.prod(value for value in build.constants.values() if type(value) is int)


if __name__ == "__main__":
    import sys

    from conform_kernels._aot_gate import main

    sys.exit(main(sys.argv[1:]))
