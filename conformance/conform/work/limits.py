"""What the operating system holds a worker to, and how its end reads in words."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def forbid_core_dumps() -> None:
    """A crash is an expected answer here, not something to keep a memory image of."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def limit_memory(allowance: int) -> None:
    """Let this process grow by `allowance` bytes of address space from what it has now.

    Does nothing where the size in use cannot be read (no /proc).
    """
    status = Path("/proc/self/statm")
    if not status.exists():
        return
    in_use = int(status.read_text().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = in_use + allowance
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))


def die_with_parent() -> None:
    """Ask the kernel to kill this process when the one that forked it ends (Linux)."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def poisoning_environment(threads: int) -> dict[str, str]:
    """Environment in which fresh memory is full of 0x7f bytes, and libraries start few threads.

    0x7f7f... is 3.4e38 in float32 and bfloat16, NaN in float16, 1.4e306 in float64, and no index.
    The byte given is for freed memory, fresh memory holds its complement; glibc's per-thread cache
    would hand freed memory out again unpoisoned, so it is off. So are, unless the environment says
    otherwise, AMX tiles and float16 instructions, for what oneDNN makes of them in torch 2.13:
    bfloat16 products read what lies behind a row and multiply it by zero, which makes NaN of NaN
    (uxlfoundation/oneDNN#5717), and depthwise float16 convolutions of 15 taps never end.
    """
    environment = dict(os.environ)
    environment["MALLOC_PERTURB_"] = str(0x80)
    tunables = [environment[name] for name in ("GLIBC_TUNABLES",) if name in environment]
    environment["GLIBC_TUNABLES"] = ":".join([*tunables, "glibc.malloc.tcache_count=0"])
    environment["OMP_NUM_THREADS"] = str(threads)
    environment["MKL_NUM_THREADS"] = str(threads)
    environment.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16")
    return environment


def ending_in_words(status: int) -> str:
    """A wait status in words: "killed by SIGSEGV (Segmentation fault)", "exited with code 3"."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"exited with code {code}"
    number = -code
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    words = signal.strsignal(number) or ""
    hint = ", possibly out of memory" if number == signal.SIGKILL else ""
    return f"killed by {name} ({words}{hint})"
