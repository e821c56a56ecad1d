"""What a compiled kernel takes: registers, spills and shared memory, read without a GPU.

Measuring compiles anew, since ptxas says what it spilt only then; what was measured is kept beside
Triton's cache under a hash of the kernel's source, arguments, target and compilers.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import subprocess
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import triton
from triton import knobs
from triton._C.libtriton import get_cache_invalidating_env_vars
from triton.backends.compiler import GPUTarget

from conform_kernels._aot_build import TARGETS, Build, compile_build, options_of, source_of

# Bytes of shared memory that one block can have: CUDA C++ Programming Guide, "Technical
# Specifications per Compute Capability"; AMD CDNA3 Instruction Set Architecture, "LDS".
SHARED_LIMIT = {"sm_80": 163 * 1024, "sm_90": 227 * 1024, "sm_100": 227 * 1024, "gfx942": 64 * 1024}


@dataclass(frozen=True)
class Resources:
    """Of one build for one architecture.

    registers are those of a thread (vector registers on AMD); spills are bytes stored and loaded on
    NVIDIA, vector registers on AMD; shared is bytes a block.
    """

    registers: int
    spills: int
    shared: int


def configuration(build: Build, architecture: str) -> str:
    """Warps, stages and integer constants in one line: what a row of the table was measured for."""
    options = options_of(build, TARGETS[architecture])
    sizes = [f"{name}={value}" for name, value in build.constants.items() if type(value) is int]
    return " ".join([f"warps={options['num_warps']}", f"stages={options['num_stages']}", *sizes])


def measure(build: Build, architecture: str) -> Resources:
    """Compile, or remember; raises what Triton raises where it cannot compile."""
    target = TARGETS[architecture]
    kept = Path(knobs.cache.dir) / "conform-resources" / f"{_key(build, target)}.json"
    if kept.exists():
        return Resources(**json.loads(kept.read_text()))
    found = _measured(build, target)
    kept.parent.mkdir(parents=True, exist_ok=True)
    part = kept.with_suffix(f".{hashlib.sha256(build.name.encode()).hexdigest()[:8]}.part")
    part.write_text(json.dumps(asdict(found)))
    part.replace(kept)
    return found


def _measured(build: Build, target: GPUTarget) -> Resources:
    log = io.StringIO()
    before = knobs.nvidia.dump_ptxas_log, knobs.compilation.always_compile
    knobs.nvidia.dump_ptxas_log = knobs.compilation.always_compile = True
    try:
        with contextlib.redirect_stdout(log):
            compiled = compile_build(build, target)
    finally:
        knobs.nvidia.dump_ptxas_log, knobs.compilation.always_compile = before
    read = from_ptxas(log.getvalue()) if target.backend == "cuda" else from_amdgcn(compiled.asm)
    return Resources(*read, compiled.metadata.shared)


_PTXAS = re.compile(r"(\d+) bytes spill stores, (\d+) bytes spill loads|Used (\d+) registers")


def from_ptxas(log: str) -> tuple[int, int]:
    """(registers, bytes spilt) from what ptxas says; ValueError where it says nothing."""
    found = _PTXAS.findall(log)
    registers = [int(count) for _, _, count in found if count]
    spills = [int(stores) + int(loads) for stores, loads, count in found if not count]
    if not registers or not spills:
        raise ValueError(f"ptxas log={log!r}; expected 'spill stores' and 'Used N registers'")
    return max(registers), sum(spills)


def from_amdgcn(asm: Any) -> tuple[int, int]:
    """(vector registers, vector registers spilt) from the notes of AMD's assembly."""
    text = asm["amdgcn"]
    counts = [re.search(rf"\.{name}:\s+(\d+)", text) for name in ("vgpr_count", "vgpr_spill_count")]
    if None in counts:
        raise ValueError("amdgcn text without .vgpr_count and .vgpr_spill_count")
    return int(counts[0].group(1)), int(counts[1].group(1))


def _key(build: Build, target: GPUTarget) -> str:
    parts = (
        source_of(build).hash(), str(target), str(sorted(options_of(build, target).items())),
        str(versions()), str(sorted(get_cache_invalidating_env_vars().items())),
    )  # fmt: skip
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Of the compilers: other ones give other registers."""
    found = {"triton": triton.__version__}
    for name in ("ptxas", "ptxas_blackwell"):
        tool = getattr(knobs.nvidia, name)
        said = subprocess.run([tool.path, "--version"], capture_output=True, text=True, check=True)
        found[name] = re.findall(r"V(\d+\.\d+\.\d+)", said.stdout)[-1]
    return found
