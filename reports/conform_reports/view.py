"""What the HTML page shows, arranged from a run: plain data, no markup."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from conform.records import Outcome, PropertyInfo, RunResult, TargetResult, Verdict
from conform.wording import is_gating, ratio_words

_SHORT = {"float64": "f64", "float32": "f32", "bfloat16": "bf16", "float16": "f16"}
# Worst first: in a cell, a row or a law the bad news stands before the good.
ORDER = (
    Outcome.FAIL,
    Outcome.ERROR,
    Outcome.CRASH,
    Outcome.TIMEOUT,
    Outcome.INCOMPLETE,
    Outcome.EXCUSED,
    Outcome.UNSUPPORTED,
    Outcome.PASS,
)


@dataclass(frozen=True)
class Failure:
    """One law that a target violates, in every dtype in which it does; the first is shown open."""

    target: str
    info: PropertyInfo
    verdicts: tuple[Verdict, ...]
    gating: bool


@dataclass(frozen=True)
class Cell:
    """Counts by outcome, worst first; empty where the target does not claim the operator."""

    counts: tuple[tuple[Outcome, int], ...]


@dataclass(frozen=True)
class Law:
    """One law with the evidence for it, target by target."""

    info: PropertyInfo
    total: Cell
    evidence: tuple[tuple[str, tuple[Verdict, ...]], ...]


@dataclass(frozen=True)
class OperatorView:
    """One row of the matrix and the section that it leads to."""

    name: str
    domain: str
    cells: tuple[tuple[str, Cell], ...]
    laws: tuple[Law, ...]


def infos(result: RunResult) -> dict[str, PropertyInfo]:
    """What is known of every property; a run without descriptions still gets its ids shown."""
    known = {info.id: info for info in result.properties}
    for target in result.targets:
        for v in target.verdicts:
            bare = PropertyInfo(v.property, v.operator, str(v.level), "", "")
            known.setdefault(v.property, bare)
    return known


def failures(result: RunResult) -> tuple[Failure, ...]:
    """Violated laws: gating ones first, then with the larger error first."""
    known = infos(result)
    found: dict[tuple[str, str], list[Verdict]] = {}
    for target in result.targets:
        for verdict in target.verdicts:
            if verdict.outcome.violated:
                found.setdefault((target.name, verdict.property), []).append(verdict)
    rows = [
        Failure(target, known[name], tuple(its), any(is_gating(v, result) for v in its))
        for (target, name), its in found.items()
    ]
    return tuple(sorted(rows, key=lambda row: (not row.gating, not _diagnosed(row))))


def _diagnosed(row: Failure) -> bool:
    return any(verdict.diagnosis for verdict in row.verdicts)


def operators(result: RunResult) -> tuple[OperatorView, ...]:
    """The matrix, by domain in the order of the properties, with the laws of each operator."""
    known = infos(result)
    names: dict[str, str] = {}
    for info in known.values():
        names[info.operator] = names.get(info.operator) or info.domain
    for target in result.targets:
        for name in target.operators:
            names.setdefault(name, "")
    by_law: dict[tuple[str, str], list[Verdict]] = {}
    for target in result.targets:
        for v in target.verdicts:
            by_law.setdefault((target.name, v.property), []).append(v)
    domains = list(dict.fromkeys(names.values()))
    ordered = sorted(names, key=lambda name: domains.index(names[name]))
    views = (_operator(result, name, names[name], known, by_law) for name in ordered)
    return tuple(view for view in views if any(cell.counts for _, cell in view.cells))


def _operator(
    result: RunResult,
    name: str,
    domain: str,
    known: dict[str, PropertyInfo],
    by_law: dict[tuple[str, str], list[Verdict]],
) -> OperatorView:
    laws = []
    for info in known.values():
        if info.operator != name:
            continue
        rows = [(t.name, tuple(by_law.get((t.name, info.id), ()))) for t in result.targets]
        evidence = tuple((target, its) for target, its in rows if its)
        if evidence:
            total = cell(v for _, its in evidence for v in its)
            laws.append(Law(info, total, evidence))
    laws.sort(key=lambda law: min(ORDER.index(v.outcome) for _, its in law.evidence for v in its))
    cells = []
    for target in result.targets:
        cells.append((target.name, cell(v for v in target.verdicts if v.operator == name)))
    return OperatorView(name, domain, tuple(cells), tuple(laws))


def cell(verdicts: Iterable[Verdict]) -> Cell:
    """Counts by outcome, worst first."""
    counts = Counter(verdict.outcome for verdict in verdicts)
    return Cell(tuple((outcome, counts[outcome]) for outcome in ORDER if counts[outcome]))


def undecided(result: RunResult, outcome: Outcome) -> tuple[tuple[str, str, str, str], ...]:
    """Verdicts of `outcome` as (target, property, dtypes, reason), dtypes joined."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for target in result.targets:
        for v in target.verdicts:
            if v.outcome is outcome:
                rows.setdefault((target.name, v.property, v.reason), []).append(short_dtype(v))
    return tuple((t, p, ", ".join(its), reason) for (t, p, reason), its in rows.items())


def declared(target: TargetResult) -> tuple[tuple[str, str], ...]:
    """What a target declared of what was judged, as (name, compact JSON), operators one by one."""
    rows = [
        (f"{operator}.{name}", value)
        for operator, claim in target.declared.items()
        if operator in target.operators
        for name, value in claim.items()
    ]
    return tuple(
        (name, value if isinstance(value, str) else _compact(value)) for name, value in rows
    )


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def short_dtype(verdict: Verdict) -> str:
    """`bf16`, with the device where it is not the CPU."""
    name = _SHORT.get(verdict.dtype, verdict.dtype)
    return name if verdict.device == "cpu" else f"{name} {verdict.device}"


def bar_width(ratio: float) -> int:
    """Percent of the bound that the worst error used, at most 100; NaN and infinity are full."""
    return min(100, round(abs(ratio) * 100)) if abs(ratio) < 1 else 100


def remarks(verdict: Verdict) -> str:
    """Last column of the evidence: what was reached, the rounding model, the reason."""
    reached = [f"{name} {count}" for name, count in verdict.reached.items()]
    model = [f"model {verdict.model}"] if verdict.model not in ("", "default") else []
    return ", ".join(reached + model + ([verdict.reason] if verdict.reason else []))


def ratio_text(ratio: float) -> str:
    """As at the terminal, with the sign for infinity."""
    return ratio_words(ratio).replace("inf", "∞")
