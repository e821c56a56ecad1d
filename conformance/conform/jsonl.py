"""The event stream as a file: a JSON object a line, written as it happens, read for `--resume`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

from conform.errors import ConformError
from conform.events import Event, RunFinished, RunStarted, VerdictReached
from conform.reading import verdict_from_json
from conform.records import Verdict

SCHEMA = "conform-events/1"


def event_as_json(event: Event) -> dict[str, Any]:
    """One event as a JSON object; the footer carries the summary, the verdicts went before it."""
    name = type(event).__name__
    if isinstance(event, RunStarted):
        return {"event": name, "schema": SCHEMA, **asdict(event)}
    if isinstance(event, VerdictReached):
        return {"event": name, "target": event.target, "verdict": event.verdict.as_json()}
    if isinstance(event, RunFinished):
        result = event.result
        return {
            "event": name,
            "complete": result.complete,
            "seconds": round(result.seconds, 2),
            "summary": result.summary(),
            "exit_code": int(result.exit_code()),
        }
    return {"event": name, **asdict(event)}


class JsonlListener:
    """Writes every event to `path` at once; `resume` continues a stream that was cut off."""

    def __init__(self, path: Path, *, resume: bool = False) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        if resume and path.exists():
            _cut_partial_line(path)
        self._file: TextIO | None = path.open("a" if resume else "w", encoding="utf-8")

    def __call__(self, event: Event) -> None:
        """Append the event and flush; the footer closes the file."""
        if self._file is None:
            raise ValueError(f"{type(event).__name__} after RunFinished; {self.path} is closed")
        # ASCII: a message may hold lone surrogates, or U+2028, which readers take for a line end.
        self._file.write(json.dumps(event_as_json(event), allow_nan=False) + "\n")
        self._file.flush()
        if isinstance(event, RunFinished):
            self.close()

    def close(self) -> None:
        """Close the file; without a footer before it the stream reads as cut off."""
        if self._file is not None:
            self._file.close()
            self._file = None


@dataclass(frozen=True)
class Stream:
    """What a stream file says. `finished`: the footer stands last; `complete`: and says so."""

    header: dict[str, Any]
    verdicts: dict[str, tuple[Verdict, ...]]
    footer: dict[str, Any] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """False for a stream that was cut off; such a run has no exit code."""
        return bool(self.footer)

    @property
    def complete(self) -> bool:
        """Everything planned was run."""
        return bool(self.footer.get("complete", False))


def read_stream(path: Path) -> Stream:
    """Rebuild header, verdicts by target (a repeated verdict replaces the older one) and footer.

    An unfinished last line is ignored; anything else broken is a ConformError with its line.
    """
    header: dict[str, Any] = {}
    footer: dict[str, Any] = {}
    found: dict[str, dict[tuple[str, ...], Verdict]] = {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        if not line.endswith("\n"):
            footer = {}
            break
        try:
            event = json.loads(line)
            kind = event["event"]
            footer = event if kind == "RunFinished" else {}
            if kind == "RunStarted":
                _check_header(header, event)
                header = event
            elif kind == "VerdictReached":
                verdict = verdict_from_json(event["verdict"])
                key = (verdict.property, verdict.dtype, verdict.device)
                found.setdefault(event["target"], {})[key] = verdict
        except (KeyError, TypeError, ValueError) as error:
            raise _broken(f"{path}:{number}", f"no event of {SCHEMA}: {error}") from error
    if not header:
        raise _broken(str(path), f"no header; expected a first line of schema {SCHEMA!r}")
    return Stream(header, {name: tuple(its.values()) for name, its in found.items()}, footer)


def _broken(where: str, message: str) -> ConformError:
    hint = "run without --resume, or give the folder of the run that is to be continued"
    return ConformError("broken-stream", message, hint=hint, where=where)


def _check_header(before: dict[str, Any], event: dict[str, Any]) -> None:
    if event.get("schema") != SCHEMA:
        raise ValueError(f"schema={event.get('schema')!r}, expected {SCHEMA!r}")
    for name in ("seed", "profile"):
        if before and before[name] != event[name]:
            raise ValueError(f"{name}={event[name]!r} continues a run with {name}={before[name]!r}")


def _cut_partial_line(path: Path) -> None:
    content = path.read_bytes()
    with path.open("r+b") as file:
        file.truncate(content.rfind(b"\n") + 1)
