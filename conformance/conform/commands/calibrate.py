"""`conform calibrate`: false alarms and noticed mutants of the numeric criterion, measured."""

from __future__ import annotations

import datetime
import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

import conform
from conform.errors import ConformError
from conform.judge import criterion, roundoff, sampling
from conform.records import ExitCode
from conform.run.calibration import CALIBRATED, LOWER, RESULT_MUTANTS, Figures, Tried, measure
from conform.run.profiles import PROFILES
from conform.spec.book import built_in

SCHEMA = "conform-calibration/1"
MUTANTS = (*RESULT_MUTANTS, LOWER)


def calibrate_command(operators: tuple[str, ...], runs: int = 200, out: Path | None = None) -> int:
    """Measure `runs` correct calls for each operator and dtype, then mutants; 1 after an alarm.

    With `out`, a folder, the table is written there as table.md and table.json. Raises ConformError
    for an unknown operator or a number of runs below 1.
    """
    if runs < 1:
        raise ConformError("wrong-number", f"runs={runs}: it must be positive")
    book = built_in()
    names = tuple(dict.fromkeys(operators)) or tuple(book.operators)
    for name in names:
        book.operator(name)
    torch.set_num_threads(1)
    found = []
    print(_LINE.format(*_COLUMNS), flush=True)
    for name in names:
        for dtype in CALIBRATED:
            figures = measure(book, PROFILES["quick"], name, dtype, runs)
            found.append(figures)
            print(_LINE.format(*_cells(figures)), flush=True)
            for alarm in figures.alarms[:3]:
                print(f"  alarm: {alarm}")
    content = as_json(found, runs)
    print(_sums(found))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "table.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        (out / "table.md").write_text(markdown(found, content), encoding="utf-8")
        print(f"wrote {out / 'table.md'} and {out / 'table.json'}")
    alarmed = any(figures.alarms for figures in found)
    return int(ExitCode.VIOLATED if alarmed else ExitCode.CONFORMS)


_COLUMNS = (
    "operator",
    "dtype",
    "calls",
    "alarms",
    "ratio",
    "rms",
    "mistakes",
    "4 bounds",
    "2 ulps",
    "truncated",
    "zero row",
    "half bits",
)
_LINE = "{:28s} {:9s} {:>6s} {:>6s} {:>6s} {:>6s} {:>9s} {:>9s} {:>9s} {:>9s} {:>9s} {:>9s}"


def _cells(figures: Figures) -> tuple[str, ...]:
    noticed = sum(tried.noticed > 0 for tried in figures.mistakes.values())
    return (
        figures.operator,
        figures.dtype,
        str(figures.calls),
        str(len(figures.alarms)),
        f"{figures.worst_ratio:.2f}",
        f"{figures.worst_rms:.2f}",
        f"{noticed}/{len(figures.mistakes)}",
        *(_share(figures.mutants.get(name)) for name in MUTANTS),
    )


def _share(tried: Tried | None) -> str:
    return "-" if tried is None or not tried.cases else f"{tried.noticed}/{tried.cases}"


def _sums(found: Sequence[Figures]) -> str:
    calls, alarms = sum(f.calls for f in found), sum(len(f.alarms) for f in found)
    mutants = [tried for f in found for tried in f.mutants.values()]
    noticed, cases = sum(t.noticed for t in mutants), sum(t.cases for t in mutants)
    return (
        f"{calls} correct calls, {alarms} alarms; {noticed} of {cases} mutants noticed; "
        f"{len(missed(found))} mistakes not noticed in any dtype by agreement alone"
    )


def missed(found: Sequence[Figures]) -> list[str]:
    """Mistakes that agreement notices on none of the cases, in no dtype."""
    noticed: dict[str, int] = {}
    for figures in found:
        for name, tried in figures.mistakes.items():
            key = f"{figures.operator}.{name}"
            noticed[key] = noticed.get(key, 0) + tried.noticed
    return [name for name, count in noticed.items() if not count]


def as_json(found: Sequence[Figures], runs: int) -> dict[str, Any]:
    """The measurement as a JSON object, with the constants that it was made under."""
    rows = [
        {
            "operator": f.operator,
            "dtype": f.dtype,
            "cases": f.cases,
            "calls": f.calls,
            "undecided": f.skipped,
            "alarms": f.alarms,
            "worst_ratio": _number(f.worst_ratio),
            "worst_rms": _number(f.worst_rms),
            "mistakes": {n: [t.noticed, t.cases] for n, t in f.mistakes.items()},
            "mutants": {n: [t.noticed, t.cases] for n, t in f.mutants.items()},
        }
        for f in found
    ]
    return {
        "schema": SCHEMA,
        "date": datetime.date.today().isoformat(),
        "runs": runs,
        "versions": {
            "conform": conform.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
        "constants": {
            "alarm": criterion.ALARM,
            "rms_alarm": criterion.RMS_ALARM,
            "rms_slack": {str(d).removeprefix("torch."): s for d, s in criterion.RMS_SLACK.items()},
            "half_ulp": criterion.HALF_ULP,
            "function_ulps": roundoff.FUNCTION_ULPS,
            "samples": list(sampling.COUNTS),
        },
        "rows": rows,
        "not_noticed": missed(found),
    }


def _number(value: float) -> float | str:
    return round(value, 4) if value - value == 0 else str(value)


def markdown(found: Sequence[Figures], content: dict[str, Any]) -> str:
    """The table for people."""
    versions = ", ".join(f"{name} {value}" for name, value in content["versions"].items())
    constants = ", ".join(f"{name} {value}" for name, value in content["constants"].items())
    lines = [
        "# Calibration of the numeric criterion",
        "",
        f"Made by `conform calibrate --runs {content['runs']}` on {content['date']} ({versions}).",
        f"Constants: {constants}.",
        "",
        f"{_sums(found)}.",
        "",
        "Correct calls are the reference evaluated in the dtype, in float32, in float32 with the",
        "excused intermediates really rounded, and in float64 with intermediates in float32. ratio",
        "and rms are the worst that these show; 1 is the limit. mistakes: how many of the spec's",
        "well-known mistakes agreement notices on at least one of the cases; the other columns are",
        "cases on which a spoilt result was noticed, of those that it changed.",
        "",
        "| " + " | ".join(_COLUMNS) + " |",
        "|" + " --- |" * len(_COLUMNS),
    ]
    lines += ["| " + " | ".join(_cells(figures)) + " |" for figures in found]
    if content["not_noticed"]:
        lines += ["", "Mistakes that agreement noticed on none of these cases:", ""]
        lines += [f"- {name}" for name in content["not_noticed"]]
    alarms = [f"{f.operator} {f.dtype}: {alarm}" for f in found for alarm in f.alarms]
    if alarms:
        lines += ["", "Alarms:", "", *(f"- {alarm}" for alarm in alarms)]
    return "\n".join(lines) + "\n"
