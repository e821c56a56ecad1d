"""The records that flow through a run; each is frozen and can be written as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

SCHEMA = "conform-result/1"


class Level(StrEnum):
    """How binding a property is (RFC 2119)."""

    MUST = "must"
    SHOULD = "should"
    MAY = "may"

    @property
    def rank(self) -> int:
        """0 for must, 1 for should, 2 for may."""
        return list(Level).index(self)


class Outcome(StrEnum):
    """What became of one property on one target in one dtype."""

    PASS = "pass"
    FAIL = "fail"
    ERROR = "error"
    CRASH = "crash"
    TIMEOUT = "timeout"
    INCOMPLETE = "incomplete"
    UNSUPPORTED = "unsupported"
    EXCUSED = "excused"

    @property
    def violated(self) -> bool:
        """True for the outcomes that gate (exit code 1)."""
        return self in (Outcome.FAIL, Outcome.ERROR, Outcome.CRASH, Outcome.TIMEOUT)


class ExitCode(IntEnum):
    """Exit codes of the command line; public interface."""

    CONFORMS = 0
    VIOLATED = 1
    BAD_REQUEST = 2
    INCOMPLETE = 3
    INTERRUPTED = 130


@dataclass(frozen=True)
class Diagnosis:
    """A well-known mistake, undeclared convention or rounding that explains a failing output.

    `agreement` is the share of the compared calls that the explanation reproduces, 0 to 1.
    """

    mistake: str
    agreement: float
    note: str = ""
    kind: str = "mistake"  # or "convention", or "rounding"


@dataclass(frozen=True)
class Counterexample:
    """The shrunk failing case: `case` is the case file's content, `words` its description."""

    case: dict[str, Any]
    message: str
    words: tuple[str, ...] = ()
    replay: str = ""
    shrunk_from: str = ""


@dataclass(frozen=True)
class Verdict:
    """The judgement on property x target x dtype x device."""

    property: str
    operator: str
    level: Level
    dtype: str
    device: str
    outcome: Outcome
    cases: int = 0
    seconds: float = 0.0
    worst_ratio: float | None = None
    reached: dict[str, int] = field(default_factory=dict)
    reason: str = ""
    model: str = ""
    diagnosis: tuple[Diagnosis, ...] = ()
    counterexample: Counterexample | None = None

    def as_json(self) -> dict[str, Any]:
        """JSON object of the public schema: no infinities, empty fields left out."""
        raw = asdict(self)
        return {key: _plain(value) for key, value in raw.items() if keep(key, value)}


def keep(key: str, value: Any) -> bool:
    """The fields that scripts count on are always there; other empty ones are left out."""
    always = ("property", "operator", "level", "dtype", "device", "outcome", "cases", "seconds")
    return key in always or value not in (None, "", (), {}, [])


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        # JSON has no infinity and no NaN: as strings, by contract.
        return round(value, 6) if value - value == 0 else str(value)
    if isinstance(value, (Level, Outcome)):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


@dataclass(frozen=True)
class PropertyInfo:
    """What a report tells of a property beyond its verdicts."""

    id: str
    operator: str
    level: str
    statement: str
    law: str
    claims: tuple[str, ...] = ()
    source: str = ""
    note: str = ""
    domain: str = ""


@dataclass(frozen=True)
class TargetResult:
    """All verdicts on one target, and what it claims and does not claim."""

    name: str
    reference: str
    operators: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    declared: dict[str, Any] = field(default_factory=dict)
    not_claimed: tuple[str, ...] = ()


def _refused(target: TargetResult) -> set[str]:
    """Operators of which every asked law was refused or not claimed: without effect on the exit."""
    return {
        name
        for name in target.operators
        if all(v.outcome is Outcome.UNSUPPORTED for v in target.verdicts if v.operator == name)
    }


@dataclass(frozen=True)
class RunResult:
    """A whole run: what a writer turns into a file."""

    environment: dict[str, Any]
    seed: int
    profile: str
    level: Level
    complete: bool
    targets: tuple[TargetResult, ...]
    properties: tuple[PropertyInfo, ...] = ()
    seconds: float = 0.0
    command: str = ""

    def summary(self) -> dict[str, int]:
        """Number of verdicts by outcome, zero ones included."""
        counts = {str(outcome): 0 for outcome in Outcome}
        for target in self.targets:
            for verdict in target.verdicts:
                counts[str(verdict.outcome)] += 1
        return counts

    def exit_code(self) -> ExitCode:
        """0 conforms, 1 violated, 3 incomplete, 130 interrupted; only gating levels count."""
        gating = [v for t in self.targets for v in t.verdicts if v.level.rank <= self.level.rank]
        if any(v.outcome.violated for v in gating):
            return ExitCode.VIOLATED
        if not self.complete:
            return ExitCode.INTERRUPTED
        if any(v.outcome is Outcome.INCOMPLETE for v in gating):
            return ExitCode.INCOMPLETE
        for target in self.targets:
            decided = {
                v.operator
                for v in target.verdicts
                if v.level.rank <= self.level.rank and v.outcome in (Outcome.PASS, Outcome.EXCUSED)
            }
            if not decided or set(target.operators) - decided - _refused(target):
                return ExitCode.INCOMPLETE
        return ExitCode.CONFORMS if gating else ExitCode.INCOMPLETE

    def as_json(self) -> dict[str, Any]:
        """The public JSON result, schema conform-result/1 (fields may be added)."""
        return {
            "schema": SCHEMA,
            "environment": self.environment,
            "seed": self.seed,
            "profile": self.profile,
            "level": str(self.level),
            "complete": self.complete,
            "seconds": round(self.seconds, 2),
            "command": self.command,
            "targets": [
                {
                    "name": t.name,
                    "reference": t.reference,
                    "operators": list(t.operators),
                    "declared": t.declared,
                    "not_claimed": list(t.not_claimed),
                    "verdicts": [v.as_json() for v in t.verdicts],
                }
                for t in self.targets
            ],
            "properties": [asdict(p) for p in self.properties],
            "summary": self.summary(),
            "exit_code": int(self.exit_code()),
        }
