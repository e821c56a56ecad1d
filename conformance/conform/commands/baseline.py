"""`conform baseline`: accept today's violations, so that only new ones gate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from conform.commands.results import read_or_explain
from conform.commands.run import write_files
from conform.records import ExitCode, Outcome


def baseline_command(result: Path, out: Path) -> int:
    """Write the violations of a JSON result to `out`, for `conform run --baseline`; always 0.

    Raises ConformError for a file that is no result.
    """
    found = read_or_explain(result)
    targets = []
    for target in found.targets:
        kept = tuple(
            replace(v, counterexample=None, diagnosis=())
            for v in target.verdicts
            if v.outcome.violated or v.outcome is Outcome.EXCUSED
        )
        targets.append(replace(target, verdicts=kept))
        print(f"{target.name}: {len(kept)} of {len(target.verdicts)} verdicts accepted")
        for verdict in kept:
            print(f"  {verdict.property} {verdict.dtype} {verdict.outcome.value}")
    named = {v.property for t in targets for v in t.verdicts}
    properties = tuple(p for p in found.properties if p.id in named)
    write_files(replace(found, targets=tuple(targets), properties=properties), {"json": out})
    print(f"{out} is written; use it as `conform run --baseline {out}`")
    return ExitCode.CONFORMS
