"""`conform adequacy`: do the properties notice the well-known mistakes?"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from conform.commands.run import one_of
from conform.records import ExitCode
from conform.run.adequacy import Matrix, Row, matrix
from conform.run.implementations import Bench
from conform.run.profiles import PROFILES
from conform.spec.book import built_in

SCHEMA = "conform-adequacy/1"


def adequacy_command(
    operators: tuple[str, ...], profile: str = "default", json_path: Path | None = None
) -> int:
    """Print the matrix of mistakes and properties; 1 when some mistake is noticed by none.

    Raises ConformError for an unknown operator or profile.
    """
    one_of("profile", profile, list(PROFILES))
    book = built_in()
    names = tuple(dict.fromkeys(operators)) or tuple(book.operators)
    for name in names:
        book.operator(name)
    torch.set_num_threads(1)
    found = []
    for name in names:
        started = time.monotonic()
        # A bench of its own for each operator: what it remembers is of no use to the next.
        found.append(matrix(Bench(book, PROFILES[profile]), name))
        _print(found[-1], time.monotonic() - started)
    code = _summary(found)
    if json_path is not None:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_text(json.dumps(as_json(found, profile), indent=1), encoding="utf-8")
    return code


def _print(found: Matrix, seconds: float) -> None:
    print(f"{found.operator}: {len(found.rows)} mistakes, {len(found.laws)} laws ({seconds:.0f} s)")
    for row in found.rows:
        print(f"  {row.mistake.split('.', 1)[1]:32s} {_words(row, found.operator)}", flush=True)


def _words(row: Row, operator: str) -> str:
    if not row.caught:
        return "NOT NOTICED" + (f" ({row.raised})" if row.raised else "")
    implied = {name.rsplit(".", 1)[-1] for name in row.implied}
    parts = [
        word
        for word, tail in (("agreement", "agrees-with-reference"), ("gradient", "gradient-agrees"))
        if tail in implied
    ]
    mark = "* " if row.beyond else ""
    if row.laws:
        names = ", ".join(law.removeprefix(f"{operator}.") for law in row.laws)
        count = f"{len(row.laws)} law{'s' if len(row.laws) != 1 else ''}"
        parts.append(f"{mark}{count}: {names}")
    return "; ".join(parts)


def _summary(found: Sequence[Matrix]) -> int:
    rows = [row for item in found for row in item.rows]
    missed = [name for item in found for name in item.missed]
    print(
        f"\n{len(rows)} mistakes: {len(rows) - len(missed)} noticed, "
        f"{sum(bool(row.laws) for row in rows)} of them by a law on its own, "
        f"{sum(bool(row.beyond) for row in rows)} by a law and not by agreement (marked *)"
    )
    idle = [name for item in found for name in item.idle]
    if idle:
        total = sum(len(item.laws) for item in found)
        print(f"warning: {len(idle)} of {total} laws notice no mistake on their own:")
        for name in idle:
            print(f"  {name}")
    faults = {name: words for item in found for name, words in item.faults.items()}
    if faults:
        print(f"warning: {len(faults)} laws could not be judged on some case:")
        for name, words in faults.items():
            print(f"  {name}: {words}")
    if missed:
        print(f"not noticed: {len(missed)}")
        for name in missed:
            print(f"  {name}")
    return int(ExitCode.VIOLATED if missed else ExitCode.CONFORMS)


def as_json(found: Sequence[Matrix], profile: str) -> dict[str, Any]:
    """The matrix as a JSON object."""
    operators = {
        item.operator: {
            "mistakes": {
                row.mistake: {
                    "noticed_by": [*row.implied, *row.laws],
                    "beyond_agreement": row.beyond,
                    "raised": row.raised,
                }
                for row in item.rows
            },
            "laws": item.laws,
            "idle": item.idle,
            "faults": item.faults,
        }
        for item in found
    }
    return {
        "schema": SCHEMA,
        "profile": profile,
        "operators": operators,
        "not_noticed": [name for item in found for name in item.missed],
    }
