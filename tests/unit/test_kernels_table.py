"""What counts as worse than the committed table of resources; the table itself; the whole gate."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("triton")

from conform_kernels import _aot_measure, _aot_table
from conform_kernels._aot_table import Row, Table, problems, read_table, write_table

LIMITS = {"sm_90": 1000, "gfx942": 500}
ROW = Row("k.forward", "sm_90", "warps=4 stages=3 D=64", 100, 0, 200)
MADE = {"triton": "3.9.0"}


def judged(*found: Row, table: tuple[Row, ...] = (ROW,), made: dict[str, str] = MADE) -> list[str]:
    return list(problems(Table(MADE, table), Table(made, found), LIMITS))


def test_the_same_passes_and_less_does() -> None:
    assert judged(ROW) == []
    assert judged(replace(ROW, shared=100, registers=255)) == []
    assert judged(replace(ROW, shared=220)) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"spills": 8}, "spills 8 bytes, the table has 0"),
        ({"shared": 221}, "shared memory 221 bytes, the table has 200"),
        ({"shared": 1001}, "shared memory 1001 bytes; sm_90 has 1000 a block"),
        ({"failure": "OutOfResources: no"}, "does not compile: OutOfResources: no"),
        (
            {"configuration": "warps=8 stages=3 D=64"},
            "the table has warps=4 stages=3 D=64, this is warps=8 stages=3 D=64",
        ),
        (
            {"unsupported": "too large"},
            "compiles now, so that it cannot be unsupported (too large)",
        ),
    ],
)
def test_what_is_worse_is_named(changes: dict[str, object], words: str) -> None:
    found = judged(replace(ROW, **changes))  # type: ignore[arg-type]
    assert f"sm_90 k.forward: {words}" in found
    assert len(found) == (2 if "unsupported" in changes else 1)


def test_spills_are_registers_on_amd() -> None:
    row = replace(ROW, architecture="gfx942")
    assert judged(replace(row, spills=3), table=(row,)) == [
        "gfx942 k.forward: spills 3 registers, the table has 0"
    ]


def test_missing_and_stale_rows() -> None:
    other = replace(ROW, kernel="k.backward")
    assert judged(ROW, other) == ["sm_90 k.backward: not in the table"]
    assert judged(ROW, table=(ROW, other)) == [
        "sm_90 k.backward: in the table, but no longer built"
    ]


def test_what_cannot_compile_is_in_the_table_with_its_reason() -> None:
    row = replace(ROW, failure="no", unsupported="needs more shared memory than there is")
    assert judged(row, table=(row,)) == []
    assert judged(replace(row, unsupported=""), table=(row,))[0].endswith("does not compile: no")


def test_other_compilers_are_held_to_the_limits_only() -> None:
    worse = replace(ROW, spills=8, shared=900)
    assert judged(worse, made={"triton": "3.6.0"}) == []
    assert judged(replace(worse, shared=1001), made={"triton": "3.6.0"}) != []


def test_written_and_read_again(tmp_path: Path) -> None:
    table = Table(MADE, (replace(ROW, kernel="z"), replace(ROW, unsupported="why"), ROW))
    file = tmp_path / "table.json"
    write_table(table, file)
    again = read_table(file)
    assert dict(again.made_with) == MADE
    assert [row.kernel for row in again.rows] == ["k.forward", "k.forward", "z"]
    assert set(again.rows) == set(table.rows)
    # One line a row, so that a change is a line of the diff.
    assert len(file.read_text().splitlines()) == len(table.rows) + 5


PTXAS = """
ptxas info    : Function properties for k
    8 bytes stack frame, 16 bytes spill stores, 24 bytes spill loads
ptxas info    : Used 255 registers, used 1 barriers
"""


def test_registers_and_spills_from_ptxas() -> None:
    assert _aot_measure.from_ptxas(PTXAS) == (255, 40)
    with pytest.raises(ValueError, match="expected 'spill stores' and 'Used N registers'"):
        _aot_measure.from_ptxas("")


def test_registers_and_spills_from_amd() -> None:
    text = "    .vgpr_count:     96\n    .vgpr_spill_count: 3\n"
    assert _aot_measure.from_amdgcn({"amdgcn": text}) == (96, 3)
    with pytest.raises(ValueError, match=r"without \.vgpr_count"):
        _aot_measure.from_amdgcn({"amdgcn": ""})


def test_the_committed_table_fits_every_architecture() -> None:
    table = read_table()
    assert {row.architecture for row in table.rows} == set(_aot_measure.SHARED_LIMIT)
    assert problems(table, table, _aot_measure.SHARED_LIMIT) == ()
    kernels = {row.kernel.split(".")[0] for row in table.rows}
    for architecture in _aot_measure.SHARED_LIMIT:
        here = {row.kernel.split(".")[0] for row in table.rows if row.architecture == architecture}
        assert here == kernels, architecture
    assert json.loads(_aot_table.TABLE.read_text())["made_with"]["triton"]


def gate(*words: str, timeout: float = 900) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "conform_kernels._aot", *words],
        env=environment, capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip


def test_one_kernel_is_shown_for_every_architecture() -> None:
    done = gate("--only", r"^swish\.forward$", "--jobs", "1")
    assert done.returncode == 0, done.stdout + done.stderr[-1000:]
    lines = [line for line in done.stdout.splitlines() if " swish.forward " in line]
    assert [line.split()[0] for line in lines] == ["sm_80", "sm_90", "sm_100", "gfx942"]
    assert all("spills      0" in line for line in lines)


def test_a_wrong_request_is_said() -> None:
    done = gate("--only", "no-such-kernel")
    assert (done.returncode, "no kernel's name matches" in done.stdout) == (2, True)


@pytest.mark.slow
def test_nothing_is_worse_than_the_table() -> None:
    """Minutes once, then seconds: what was measured is kept beside Triton's cache."""
    done = gate("--jobs", "2")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
