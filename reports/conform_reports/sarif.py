"""SARIF 2.1.0 for code scanning: a rule per law, a result per violated or undecided verdict."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from conform.failure_text import failure_lines, source_words
from conform.records import Level, Outcome, PropertyInfo, RunResult, TargetResult, Verdict
from conform.wording import EXIT_MEANING, printable
from conform_reports.view import infos

_LEVEL = {Level.MUST: "error", Level.SHOULD: "warning", Level.MAY: "note"}


def write(result: RunResult, path: Path) -> None:
    """Write `result` to `path` as SARIF 2.1.0."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps(build(result), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def build(result: RunResult) -> dict[str, Any]:
    """The SARIF log: violated laws are results of kind `fail`, incomplete ones of kind `open`."""
    known = infos(result)
    index = {name: number for number, name in enumerate(known)}
    found = [
        _result(result, target, verdict, known[verdict.property], index[verdict.property])
        for target in result.targets
        for verdict in target.verdicts
        if verdict.outcome.violated or verdict.outcome is Outcome.INCOMPLETE
    ]
    code = result.exit_code()
    driver = {
        "name": "conform",
        "version": str(result.environment.get("conform", "")),
        "rules": [_rule(info) for info in known.values()],
    }
    invocation = {
        "executionSuccessful": result.complete,
        "exitCode": int(code),
        "exitCodeDescription": EXIT_MEANING[code],
        **({"commandLine": printable(result.command)} if result.command else {}),
    }
    return {
        "version": "2.1.0",
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "runs": [
            {
                "tool": {"driver": driver},
                "invocations": [invocation],
                "columnKind": "unicodeCodePoints",
                "results": found,
            }
        ],
    }


def _rule(info: PropertyInfo) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "id": info.id,
        "shortDescription": {"text": printable(info.statement or info.id)},
        "defaultConfiguration": {"level": _LEVEL[Level(info.level)]},
        "properties": {"tags": [tag for tag in (info.operator, info.domain) if tag]},
    }
    parts = [info.law, source_words(info), info.note]
    full = "\n".join(printable(part) for part in parts if part)
    return {**rule, "fullDescription": {"text": full}} if full else rule


def _result(
    result: RunResult, target: TargetResult, verdict: Verdict, info: PropertyInfo, index: int
) -> dict[str, Any]:
    if verdict.outcome.violated:
        # SARIF: a level other than none belongs to kind fail only.
        kind, level = "fail", _LEVEL[verdict.level]
        text = "\n".join(failure_lines(target.name, verdict, info, result.level))
    else:
        kind, level = "open", "none"
        text = (
            f"{target.name}: {verdict.property} in {verdict.dtype} is undecided: {verdict.reason}"
        )
    identity = "\0".join((target.name, verdict.property, verdict.dtype, verdict.device))
    return {
        "ruleId": verdict.property,
        "ruleIndex": index,
        "kind": kind,
        "level": level,
        "message": {"text": printable(text)},
        "locations": [_location(target, verdict)],
        "partialFingerprints": {"conform/v1": hashlib.sha256(identity.encode()).hexdigest()[:16]},
    }


def _location(target: TargetResult, verdict: Verdict) -> dict[str, Any]:
    name = f"{target.name}.{verdict.operator}"
    location: dict[str, Any] = {
        "logicalLocations": [{"fullyQualifiedName": name, "kind": "function"}]
    }
    if target.reference.endswith(".py"):
        uri = Path(target.reference).as_posix()
        location["physicalLocation"] = {
            "artifactLocation": {"uri": uri},
            "region": {"startLine": 1},
        }
    return location
