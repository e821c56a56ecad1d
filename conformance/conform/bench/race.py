"""A whole benchmark: the target's functions, the device's peaks, every case in turn."""

from __future__ import annotations

import datetime
import fnmatch
import statistics
from collections.abc import Callable, Sequence
from functools import partial

import torch

from conform.bench.device import Device, Outputs
from conform.bench.records import BenchReport, CaseResult, Peaks
from conform.bench.timing import Case, Competitor, Inputs, Run, Unavailable, time_case
from conform.errors import ConformError
from conform.target.loading import LoadedTarget

COPIED = 1 << 30  # bytes
MULTIPLIED = 8192  # rows and columns
_TRIES = 20


def measure_peaks(device: Device, copied: int = COPIED, size: int = MULTIPLIED) -> Peaks:
    """Bytes a second of a large copy, flops a second of a large bfloat16 product: medians."""
    source = torch.ones(copied, dtype=torch.uint8, device=device.where)
    to = torch.empty_like(source)
    # Random values: products of zeros take less power, and so run faster.
    a, b = (torch.randn(size, size, device=device.where).bfloat16() for _ in range(2))
    copy = _median(device, lambda: (to.copy_(source)[:1],))
    product = _median(device, lambda: ((a @ b)[:1],))
    return Peaks(2 * copied / copy, 2 * size**3 / product)


def _median(device: Device, call: Callable[[], Outputs]) -> float:
    times = [device.timed(call)[0] for _ in range(_TRIES)]
    return statistics.median(times[_TRIES // 4 :])


def of_target(target: LoadedTarget) -> Competitor:
    """The target as one of the competitors."""
    return Competitor(target.description.name, partial(_make, target))


def _make(target: LoadedTarget, case: Case) -> Run:
    claim = target.description.operators.get(case.operator)
    if claim is None:
        raise Unavailable(f"it does not offer {case.operator}")
    if claim.layout != "BHLD":
        raise Unavailable(f"its layout is {claim.layout}; the cases are drawn in BHLD")
    unclaimed = [n for n, value in case.options.items() if value and n not in claim.options]
    if unclaimed:
        raise Unavailable(f"it does not claim {', '.join(unclaimed)}")
    function = target.functions[case.operator]
    options = {
        claim.renames.get(n, n): value for n, value in case.options.items() if n in claim.options
    }

    def run(inputs: Inputs) -> Outputs:
        found = function(*(inputs[name] for name in case.arguments), **options)
        return found if isinstance(found, tuple) else (found,)

    return run


def choose(cases: Sequence[Case], patterns: Sequence[str]) -> tuple[Case, ...]:
    """The cases whose name or operator matches a pattern; all without one.

    Raises ConformError where a pattern matches none.
    """
    for pattern in patterns:
        if not any(_matches(case, pattern) for case in cases):
            known = ", ".join(dict.fromkeys(case.operator for case in cases))
            raise ConformError(
                "unknown-case",
                f"case={pattern!r} matches no case",
                hint=f"name an operator ({known}) or a part of a case with *",
            )
    return tuple(case for case in cases if not patterns or any(_matches(case, p) for p in patterns))


def _matches(case: Case, pattern: str) -> bool:
    return case.operator == pattern or fnmatch.fnmatchcase(case.name, pattern)


def race(
    target: LoadedTarget,
    cases: Sequence[Case],
    competitors: Callable[[str], Sequence[Competitor]],
    device: Device,
    peaks: Peaks,
    *,
    rounds: int,
    seed: int,
    told: Callable[[CaseResult], None] = lambda result: None,
) -> BenchReport:
    """Time the target and its competitors in each case; `told` hears of each as it is done."""
    results = []
    for case in cases:
        everyone = (of_target(target), *competitors(case.operator))
        result = time_case(case, everyone, device, peaks, rounds, seed)
        told(result)
        results.append(result)
    return BenchReport(
        date=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        target=target.description.name,
        device=device.name,
        versions=device.versions(),
        peaks=peaks,
        rounds=rounds,
        seed=seed,
        cases=tuple(results),
    )
