"""`conform merge` and `conform compare`: JSON results read back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from conform.errors import ConformError
from conform.reading import read_result
from conform.records import ExitCode, Outcome, PropertyInfo, RunResult, TargetResult, Verdict

Key = tuple[str, str, str]


def merge_command(
    results: Sequence[Path], json: Path | None = None, html: Path | None = None
) -> int:
    """Join results, write them, print the verdict; the joined result's exit code.

    Raises ConformError for a file that is no result, for runs that were not asked the same, and
    for two different verdicts on one question.
    """
    from conform.commands.run import write_files

    joined = merged([read_or_explain(path) for path in results], [str(path) for path in results])
    files = {"json": json, "html": html}
    write_files(joined, {kind: path for kind, path in files.items() if path is not None})
    counts = ", ".join(f"{count} {name}" for name, count in joined.summary().items() if count)
    for target in joined.targets:
        print(f"{target.name}: {len(target.operators)} operators, {len(target.verdicts)} verdicts")
    code = joined.exit_code()
    print(f"verdicts: {counts or 'none'}\nexit code {int(code)}: {code.name.lower()}")
    return int(code)


def read_or_explain(path: Path) -> RunResult:
    """A JSON result; ConformError that says which file cannot be read."""
    try:
        return read_result(path)
    except OSError as error:
        raise ConformError(
            "result-missing",
            f"{path} cannot be read: {error.strerror}",
            hint="give files that `conform run --json FILE` wrote",
        ) from None


def merged(results: Sequence[RunResult], names: Sequence[str]) -> RunResult:
    """One result of several: targets by name, properties and verdicts in the order of the first."""
    if not results:
        raise ConformError("nothing-to-merge", "no result is given")
    first = results[0]
    for result, name in zip(results[1:], names[1:], strict=True):
        for what in ("seed", "profile", "level"):
            if getattr(result, what) != getattr(first, what):
                raise ConformError(
                    "runs-differ",
                    f"{what}={getattr(result, what)} in {name}, but "
                    f"{getattr(first, what)} in {names[0]}",
                    hint="merge results of the same run",
                )
    properties: dict[str, PropertyInfo] = {}
    for result in results:
        for info in result.properties:
            properties.setdefault(info.id, info)
    order = {identifier: number for number, identifier in enumerate(properties)}
    targets: dict[str, list[TargetResult]] = {}
    for result in results:
        for target in result.targets:
            targets.setdefault(target.name, []).append(target)
    return replace(
        first,
        environment=_environments([r.environment for r in results]),
        complete=all(r.complete for r in results),
        targets=tuple(_one_target(parts, order) for parts in targets.values()),
        properties=tuple(properties.values()),
        seconds=sum(r.seconds for r in results),
        command="conform merge " + " ".join(names),
    )


def _one_target(parts: Sequence[TargetResult], order: dict[str, int]) -> TargetResult:
    found: dict[tuple[str, str, str], Verdict] = {}
    for verdict in (v for part in parts for v in part.verdicts):
        key = (verdict.property, verdict.dtype, verdict.device)
        other = found.setdefault(key, verdict)
        if other.outcome is not verdict.outcome:
            raise ConformError(
                "verdicts-differ",
                f"{parts[0].name}: {verdict.property} in {verdict.dtype} is "
                f"{other.outcome} in one result and {verdict.outcome} in another",
                hint="two runs of the same plan are for `conform compare`",
            )
    verdicts = sorted(found.values(), key=lambda v: order.get(v.property, len(order)))
    mentioned = {name for part in parts for name in part.operators}
    operators = tuple(
        dict.fromkeys(
            [
                *(v.operator for v in verdicts if v.operator in mentioned),
                *(name for part in parts for name in part.operators),
            ]
        )
    )
    declared: dict[str, Any] = {}
    for part in parts:
        declared.update(part.declared)
    missing = [set(part.not_claimed) for part in parts]
    return replace(
        parts[0],
        operators=operators,
        verdicts=tuple(verdicts),
        declared=declared,
        not_claimed=tuple(sorted(set.intersection(*missing))),
    )


def _environments(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Equal entries stay; where the runs differ, all values are listed."""
    joined: dict[str, Any] = {}
    for key in dict.fromkeys(key for environment in found for key in environment):
        values = list(dict.fromkeys(str(e[key]) for e in found if key in e))
        first = next(e[key] for e in found if key in e)
        joined[key] = first if len(values) == 1 else ", ".join(values)
    return joined


@dataclass(frozen=True)
class Comparison:
    """What changed between two results; each entry names target, property and dtype."""

    broken: tuple[tuple[Key, Verdict], ...]
    mended: tuple[tuple[Key, Verdict], ...]
    new_violations: tuple[tuple[Key, Verdict], ...]
    undecided: tuple[tuple[Key, Verdict], ...]
    gone: tuple[Key, ...]
    same: int


def compare_command(before: Path, after: Path) -> int:
    """Print what changed; 1 when something that passed is violated now, 0 otherwise."""
    found = comparison(read_or_explain(before), read_or_explain(after))
    _section("passed before, violated now", found.broken)
    _section("violated now, not decided before", found.new_violations)
    _section("passed before, not decided now", found.undecided)
    _section("violated before, passes now", found.mended)
    if found.gone:
        print(f"no longer in the plan: {len(found.gone)}")
        for key in found.gone:
            print("  " + " ".join(key))
    print(f"unchanged: {found.same}")
    return int(ExitCode.VIOLATED if found.broken else ExitCode.CONFORMS)


def comparison(before: RunResult, after: RunResult) -> Comparison:
    """The changes. When each result has one target, they are compared whatever their names."""
    alone = len(before.targets) == 1 and len(after.targets) == 1
    name = after.targets[0].name if alone else ""
    old, new = _verdicts(before.targets, name), _verdicts(after.targets, name)
    if not set(old) & set(new):
        raise ConformError(
            "nothing-in-common",
            "the results have no verdict in common",
            hint="compare two results of the same target, operators and dtypes",
        )
    groups: dict[str, list[tuple[Key, Verdict]]] = {
        kind: [] for kind in ("broken", "mended", "new_violations", "undecided", "same")
    }
    for key, verdict in new.items():
        groups[_change(old.get(key), verdict)].append((key, verdict))
    same = len(groups.pop("same"))
    gone = tuple(key for key in old if key not in new)
    return Comparison(gone=gone, same=same, **{k: tuple(v) for k, v in groups.items()})


def _change(old: Verdict | None, new: Verdict) -> str:
    if new.outcome.violated:
        if old is not None and old.outcome is Outcome.PASS:
            return "broken"
        return "same" if old is not None and _bad(old) else "new_violations"
    if new.outcome is Outcome.PASS:
        return "mended" if old is not None and _bad(old) else "same"
    return "undecided" if old is not None and old.outcome is Outcome.PASS else "same"


def _bad(verdict: Verdict) -> bool:
    return verdict.outcome.violated or verdict.outcome is Outcome.EXCUSED


def _verdicts(targets: Iterable[TargetResult], name: str) -> dict[Key, Verdict]:
    return {
        (name or target.name, v.property, v.dtype): v for target in targets for v in target.verdicts
    }


def _section(title: str, found: Sequence[tuple[Key, Verdict]]) -> None:
    if not found:
        return
    print(f"{title}: {len(found)}")
    for key, verdict in found:
        words = verdict.counterexample.message if verdict.counterexample else verdict.reason
        first = words.split("\n")[0] if words else ""
        print(f"  {' '.join(key)}: {verdict.outcome}{': ' + first if first else ''}")
