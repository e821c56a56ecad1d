"""Results read back from the public JSON, for `compare`, `merge`, `--resume` and the writers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conform.errors import ConformError
from conform.records import (
    SCHEMA,
    Counterexample,
    Diagnosis,
    Level,
    Outcome,
    PropertyInfo,
    RunResult,
    TargetResult,
    Verdict,
)


def read_result(path: Path) -> RunResult:
    """The run in the JSON file at `path`; ConformError if it is not of schema conform-result/1."""
    try:
        return result_from_json(json.loads(path.read_text(encoding="utf-8")))
    except (KeyError, TypeError, ValueError) as error:
        raise ConformError(
            "not-a-result",
            f"no result of schema {SCHEMA!r}: {error!r}",
            hint="give a file that `conform run --json FILE` wrote",
            where=str(path),
        ) from error


def result_from_json(data: Mapping[str, Any]) -> RunResult:
    """The inverse of `RunResult.as_json`; unknown fields are ignored, the schema must match."""
    if data.get("schema") != SCHEMA:
        raise ValueError(f"schema={data.get('schema')!r}, expected {SCHEMA!r}")
    return RunResult(
        environment=dict(data["environment"]),
        seed=int(data["seed"]),
        profile=str(data["profile"]),
        level=Level(data.get("level", "must")),
        complete=bool(data["complete"]),
        targets=tuple(_target(item) for item in data["targets"]),
        properties=tuple(_property(item) for item in data.get("properties", ())),
        seconds=float(data.get("seconds", 0.0)),
        command=str(data.get("command", "")),
    )


def verdict_from_json(data: Mapping[str, Any]) -> Verdict:
    """The inverse of `Verdict.as_json`."""
    ratio = data.get("worst_ratio")
    found = data.get("counterexample")
    return Verdict(
        property=str(data["property"]),
        operator=str(data["operator"]),
        level=Level(data["level"]),
        dtype=str(data["dtype"]),
        device=str(data["device"]),
        outcome=Outcome(data["outcome"]),
        cases=int(data["cases"]),
        seconds=float(data["seconds"]),
        worst_ratio=None if ratio is None else float(ratio),  # "inf" and "nan" are strings
        reached={str(k): int(v) for k, v in data.get("reached", {}).items()},
        reason=str(data.get("reason", "")),
        model=str(data.get("model", "")),
        diagnosis=tuple(_diagnosis(item) for item in data.get("diagnosis", ())),
        counterexample=None if found is None else _counterexample(found),
    )


def _target(data: Mapping[str, Any]) -> TargetResult:
    return TargetResult(
        name=str(data["name"]),
        reference=str(data.get("reference", "")),
        operators=tuple(data["operators"]),
        verdicts=tuple(verdict_from_json(item) for item in data["verdicts"]),
        declared=dict(data.get("declared", {})),
        not_claimed=tuple(data.get("not_claimed", ())),
    )


def _property(data: Mapping[str, Any]) -> PropertyInfo:
    return PropertyInfo(
        id=str(data["id"]),
        operator=str(data["operator"]),
        level=str(data["level"]),
        statement=str(data["statement"]),
        law=str(data["law"]),
        claims=tuple(data.get("claims", ())),
        source=str(data.get("source", "")),
        note=str(data.get("note", "")),
        domain=str(data.get("domain", "")),
    )


def _diagnosis(data: Mapping[str, Any]) -> Diagnosis:
    return Diagnosis(
        mistake=str(data["mistake"]),
        agreement=float(data["agreement"]),
        note=str(data.get("note", "")),
        kind=str(data.get("kind", "mistake")),
    )


def _counterexample(data: Mapping[str, Any]) -> Counterexample:
    return Counterexample(
        case=dict(data.get("case", {})),
        message=str(data.get("message", "")),
        words=tuple(data.get("words", ())),
        replay=str(data.get("replay", "")),
        shrunk_from=str(data.get("shrunk_from", "")),
    )
