"""Compiling everything for every architecture, and holding it against the table."""

from __future__ import annotations

import argparse
import os
import re
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context

from conform_kernels import _aot_table
from conform_kernels._aot_build import TARGETS, Build
from conform_kernels._aot_measure import SHARED_LIMIT, configuration, measure, versions
from conform_kernels._aot_table import UPDATE, Row, Table, problems, read_table, write_table
from conform_kernels._interpreter import interpreting


@cache
def _builds(architecture: str) -> dict[str, Build]:
    from conform_kernels._aot import builds

    return {build.name: build for build in builds(architecture)}


def row_of(architecture: str, name: str) -> Row:
    """Compile one build and say what it takes; a compiler's refusal is a row, too."""
    build = _builds(architecture)[name]
    said = (name, architecture, configuration(build, architecture))
    unsupported = build.unsupported.get(architecture, "")
    try:
        found = measure(build, architecture)
    except Exception as error:  # noqa: BLE001 - whatever the compiler raises is the answer
        words = " ".join(str(error).split())[:300]
        failure = f"{type(error).__name__}: {words}"
        return Row(*said, failure=failure, unsupported=unsupported)
    return Row(*said, found.registers, found.spills, found.shared, unsupported=unsupported)


def compile_all(pattern: str = "", jobs: int = 2) -> Table:
    """The sample in `jobs` processes; with a pattern every build whose name matches instead."""
    from conform_kernels._aot import sample

    wanted = [
        (architecture, name)
        for architecture in TARGETS
        for name in ([b.name for b in sample(architecture)] if not pattern
                     else [name for name in _builds(architecture) if re.search(pattern, name)])
    ]  # fmt: skip
    # Attention takes longest: it goes first, so that no process is left alone with it.
    wanted.sort(key=lambda pair: "attention" not in pair[1])
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        rows = tuple(pool.map(row_of, *zip(*wanted, strict=True)))
    return Table(versions(), rows)


def main(words: Sequence[str]) -> int:
    """The command: 0 nothing is worse than the table, 1 something is, 2 a wrong request."""
    parser = argparse.ArgumentParser(
        prog="python -m conform_kernels._aot",
        description="Compile every kernel for sm_80, sm_90, sm_100 and gfx942, without a GPU, and "
        "compare spills and shared memory with the committed table; seconds once it is cached.",
    )
    parser.add_argument("--update", action="store_true", help="write the table anew")
    parser.add_argument(
        "--only",
        default="",
        metavar="REGEX",
        help="show all configurations of these kernels; nothing is compared",
    )
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 8))
    options = parser.parse_args(words)
    if interpreting():
        print("TRITON_INTERPRET=1; expected it unset: interpreted kernels do not compile")
        return 2
    if not any(re.search(options.only, name) for name in _builds("sm_90")):
        print(f"--only {options.only!r}: no kernel's name matches")
        return 2
    began = time.monotonic()
    found = compile_all(options.only, options.jobs)
    print(f"{len(found.rows)} compiled in {time.monotonic() - began:.0f} s, {_words(found)}")
    if options.only:
        return _show(found)
    return _update(found) if options.update else _judge(found)


def _words(table: Table) -> str:
    return ", ".join(f"{name} {version}" for name, version in table.made_with.items())


def _show(found: Table) -> int:
    for row in found.rows:
        print(f"{row.architecture:7} {row.kernel:50} registers {row.registers:4} "
              f"spills {row.spills:6} shared {row.shared:7}  {row.configuration}"
              f" {row.failure or row.unsupported}".rstrip())  # fmt: skip
    return 1 if any(row.failure and not row.unsupported for row in found.rows) else 0


def _update(found: Table) -> int:
    wrong = problems(found, found, SHARED_LIMIT)
    if wrong:
        print("the table is not written: these do not fit the architecture")
        print("\n".join(wrong))
        return 1
    write_table(found)
    print(f"{_aot_table.TABLE} is written: {len(found.rows)} rows")
    return 0


def _judge(found: Table) -> int:
    try:
        table = read_table()
    except FileNotFoundError:
        print(f"{_aot_table.TABLE} is not there; make it with `{UPDATE}`")
        return 1
    if dict(table.made_with) != dict(found.made_with):
        print(f"the table was made with {_words(table)}: spills and growth are not compared, "
              "limits are")  # fmt: skip
    wrong = problems(table, found, SHARED_LIMIT)
    if wrong:
        print("\n".join(wrong))
        print(f"{len(wrong)} worse than the table; if that is meant: `{UPDATE}`, then commit it")
        return 1
    print("nothing is worse than the table")
    return 0
