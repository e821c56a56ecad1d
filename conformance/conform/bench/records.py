"""What a benchmark found, as plain records."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

SCHEMA = "conform-bench/1"


class Status(StrEnum):
    """What became of one competitor in one case; only `measured` has a time that counts."""

    MEASURED = "measured"
    WRONG = "wrong"  # an output was not the trusted one
    REFUSED = "refused"  # a time below what the device can do
    UNAVAILABLE = "unavailable"  # not installed, or not made for this case
    FAILED = "failed"  # it raised


@dataclass(frozen=True)
class Peaks:
    """What the device was measured to do: bytes copied (read plus written) and flops a second."""

    copy: float
    matmul: float


@dataclass(frozen=True)
class Timing:
    """One competitor in one case; seconds of each timed call, kept only where all were right."""

    competitor: str
    status: Status
    seconds: tuple[float, ...] = ()
    note: str = ""

    @property
    def median(self) -> float:
        """Seconds in the middle; NaN without any."""
        return statistics.median(self.seconds) if self.seconds else float("nan")

    @property
    def quartiles(self) -> tuple[float, float]:
        """Seconds that a quarter, and three quarters, of the calls stayed below."""
        if len(self.seconds) < 2:
            return (self.median, self.median)
        low, _, high = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return (low, high)


@dataclass(frozen=True)
class CaseResult:
    """One case: what must be moved and computed, and how long everyone took."""

    case: str
    operator: str
    way: str
    shape: str
    flops: float
    bytes: float
    floor: float
    timings: tuple[Timing, ...]

    def as_json(self, peaks: Peaks) -> dict[str, Any]:
        """With medians, quartiles and fractions of the measured peaks."""
        return {**asdict(self), "timings": [self._timing(t, peaks) for t in self.timings]}

    def _timing(self, timing: Timing, peaks: Peaks) -> dict[str, Any]:
        record: dict[str, Any] = {
            "competitor": timing.competitor,
            "status": timing.status.value,
            "note": timing.note,
        }
        if timing.status is Status.MEASURED:
            copied, computed = self.fractions(timing, peaks)
            record |= {
                "seconds": list(timing.seconds),
                "median": timing.median,
                "quartiles": list(timing.quartiles),
                "fraction_of_copy": copied,
                "fraction_of_matmul": computed,
            }
        return record

    def fractions(self, timing: Timing, peaks: Peaks) -> tuple[float, float]:
        """(compulsory bytes a second by the copy's, flops a second by the matmul's)."""
        return (
            self.bytes / timing.median / peaks.copy,
            self.flops / timing.median / peaks.matmul,
        )


@dataclass(frozen=True)
class BenchReport:
    """A whole run."""

    date: str
    target: str
    device: str
    versions: Mapping[str, str]
    peaks: Peaks
    rounds: int
    seed: int
    cases: tuple[CaseResult, ...]

    def as_json(self) -> dict[str, Any]:
        """The JSON file's content."""
        return {
            "schema": SCHEMA,
            "date": self.date,
            "target": self.target,
            "device": self.device,
            "versions": dict(self.versions),
            "peaks": asdict(self.peaks),
            "rounds": self.rounds,
            "seed": self.seed,
            "cases": [case.as_json(self.peaks) for case in self.cases],
        }
