"""`conform coverage`: which claims of the decks are checked, and which are not, and why."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from conform.reading import read_result
from conform.records import ExitCode, Outcome
from conform.spec.book import built_in
from conform.spec.ledger import Coverage, Entry, cover, ledger
from conform.writers import find_writer

SCHEMA = "conform-coverage/1"
STATES = ("checked", "excluded", "not run", "missing")


def coverage_command(
    result: Path | None = None,
    json_path: Path | None = None,
    show: str = "",
    html: Path | None = None,
) -> int:
    """Print the table by deck and topic; 0 when every claim is checked or excluded, else 1.

    `result` is a JSON result on the reference: then only what ran and held counts as checked.
    `show` lists the claims of one state. Raises ConformError for an unreadable result or ledger.
    """
    found = cover(built_in(), ledger(), None if result is None else passed(result))
    _table(found)
    if result is None:
        print("no result was given: a claim counts as checked when a property names it")
    for fault in found.faults:
        print(f"fault: {fault}")
    if show:
        _list([entry for entry in found.entries if entry.state == show])
    if json_path is not None:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_text(json.dumps(as_json(found), indent=1), encoding="utf-8")
    if html is not None:
        find_writer("coverage")(as_json(found), html)
    return ExitCode.CONFORMS if found.complete else ExitCode.VIOLATED


def passed(path: Path) -> dict[str, bool]:
    """By property: whether every decided verdict of a result passed, and there was one."""
    held: dict[str, bool] = {}
    for target in read_result(path).targets:
        for verdict in target.verdicts:
            if verdict.outcome is Outcome.PASS:
                held.setdefault(verdict.property, True)
            elif verdict.outcome.violated:
                held[verdict.property] = False
    return held


def _table(found: Coverage) -> None:
    rows: dict[tuple[str, str], Counter[str]] = {}
    for entry in found.entries:
        deck = entry.claim.id.split("-")[0]
        rows.setdefault((deck, entry.claim.topic), Counter())[entry.state] += 1
    print(f"{'deck':6}{'topic':24}" + "".join(f"{state:>10}" for state in STATES))
    for (deck, topic), counts in sorted(rows.items()):
        print(f"{deck:6}{topic:24}" + "".join(f"{counts[s] or '':>10}" for s in STATES))
    print(f"{'all':30}" + "".join(f"{found.count(s):>10}" for s in STATES))
    settled = found.count("checked") + found.count("excluded")
    print(f"{settled} of {len(found.entries)} claims are accounted for")


def _list(entries: list[Entry]) -> None:
    for entry in entries:
        print(f"{entry.claim.id} [{entry.claim.topic}] {entry.claim.statement}")
        for name in entry.properties:
            print(f"    {name}")
        if entry.claim.excluded:
            print(f"    excluded: {entry.claim.excluded}")


def as_json(found: Coverage) -> dict[str, Any]:
    """The table as a JSON object."""
    return {
        "schema": SCHEMA,
        "counts": {state: found.count(state) for state in STATES},
        "faults": list(found.faults),
        "claims": [
            {
                "id": entry.claim.id,
                "topic": entry.claim.topic,
                "state": entry.state,
                "statement": entry.claim.statement,
                "source": [f"{s.deck}: {s.heading}" for s in entry.claim.source],
                "correction": entry.claim.correction,
                "properties": list(entry.properties),
                "excluded": entry.claim.excluded,
            }
            for entry in found.entries
        ],
    }
