"""The typed events of a run. The runner emits them; terminal and files only listen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from conform.records import RunResult, Verdict


@dataclass(frozen=True)
class RunStarted:
    """Header: targets in order."""

    targets: tuple[str, ...]
    seed: int
    profile: str


@dataclass(frozen=True)
class TargetStarted:
    """The worker answered: the target's name, its operators, and the planned verdicts."""

    target: str
    operators: tuple[str, ...]
    planned: int


@dataclass(frozen=True)
class PropertyStarted:
    """The law in work."""

    target: str
    property: str
    dtype: str


@dataclass(frozen=True)
class VerdictReached:
    """One verdict is final."""

    target: str
    verdict: Verdict


@dataclass(frozen=True)
class Note:
    """Something a person at the terminal should know (a worker restarted, a mark missing)."""

    target: str
    text: str


@dataclass(frozen=True)
class TargetFinished:
    """No more verdicts for this target."""

    target: str
    seconds: float


@dataclass(frozen=True)
class RunFinished:
    """Footer. A stream without it was cut off."""

    result: RunResult


Event = (
    RunStarted
    | TargetStarted
    | PropertyStarted
    | VerdictReached
    | Note
    | TargetFinished
    | RunFinished
)
Listener = Callable[[Event], None]
