"""`conform bench`: time a target on a GPU beside what a user would pick instead."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch

from conform.bench.cases import all_cases
from conform.bench.competitors import competitors
from conform.bench.device import cuda_device
from conform.bench.race import choose, measure_peaks, race
from conform.bench.records import BenchReport, CaseResult, Status
from conform.bench.table import markdown
from conform.errors import ConformError
from conform.records import ExitCode
from conform.run.preflight import signatures
from conform.spec.book import built_in
from conform.target.loading import load_target
from conform.target.ref import TargetKind, parse_target

LEAST_ROUNDS = 5


def bench_command(
    target: str, patterns: Sequence[str], rounds: int, seed: int, out: Path, listing: bool
) -> int:
    """Time the cases, write bench.json and bench.md into `out`; the exit code.

    1 where an output of the target's was wrong or a time impossible. `listing`: print the cases
    instead. Raises ConformError (exit code 2) on a machine without a GPU, before anything is timed.
    """
    cases = choose(all_cases(), patterns)
    if listing:
        for case in cases:
            print(f"{case.name:40}  {case.shape}")
        return int(ExitCode.CONFORMS)
    if rounds < LEAST_ROUNDS:
        raise ConformError("wrong-number", f"rounds={rounds}; expected at least {LEAST_ROUNDS}")
    device = cuda_device()
    ref = parse_target(target)
    if ref.kind is TargetKind.EXEC:
        raise ConformError(
            "bench-in-process", f"target={target!r} runs in another process, which is not timed"
        )
    loaded = load_target(ref, signatures(built_in()), "cuda")
    # What others are held against must not be rounded to tf32 itself.
    torch.set_float32_matmul_precision("highest")
    peaks = measure_peaks(device)
    print(f"{device.name}: copy {peaks.copy / 1e12:.2f} TB/s, matmul {peaks.matmul / 1e12:.0f} "
          "TFLOP/s, measured here")  # fmt: skip
    report = race(loaded, cases, competitors, device, peaks, rounds=rounds, seed=seed, told=_tell)
    write(report, out)
    print(f"wrote {out / 'bench.md'} and {out / 'bench.json'}")
    return int(exit_code(report))


def _tell(result: CaseResult) -> None:
    print(result.case, flush=True)
    for timing in result.timings:
        shown = f"{timing.median * 1e6:.1f} us" if timing.seconds else timing.note
        print(f"  {timing.competitor:24} {timing.status.value:11} {shown}", flush=True)


def write(report: BenchReport, out: Path) -> None:
    """bench.json and bench.md in the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    content = json.dumps(report.as_json(), indent=1, allow_nan=False)
    (out / "bench.json").write_text(content + "\n", encoding="utf-8")
    (out / "bench.md").write_text(markdown(report), encoding="utf-8")


def exit_code(report: BenchReport) -> ExitCode:
    """1 where the target was wrong, impossibly fast or failed, 3 where nothing was timed."""
    mine = [t for case in report.cases for t in case.timings if t.competitor == report.target]
    if any(t.status in (Status.WRONG, Status.REFUSED, Status.FAILED) for t in mine):
        return ExitCode.VIOLATED
    timed = any(t.status is Status.MEASURED for t in mine)
    return ExitCode.CONFORMS if timed else ExitCode.INCOMPLETE
