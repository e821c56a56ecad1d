"""What comparing two sides of a law gives: a verdict with its margin, never a bare boolean."""

from __future__ import annotations

from dataclasses import dataclass

from conform.judge.criterion import Residual


@dataclass(frozen=True)
class LawVerdict:
    """Whether a law held on one case; `residual` is the worst comparison behind it."""

    holds: bool
    residual: Residual | None = None
    words: str = ""

    def negated(self) -> LawVerdict:
        """The verdict of `not law`."""
        return LawVerdict(
            not self.holds, self.residual, f"not ({self.words})" if self.words else ""
        )


def both(first: LawVerdict, second: LawVerdict) -> LawVerdict:
    """The verdict of `first and second`: a failure is the one that is told."""
    if first.holds and second.holds:
        worst = max((first, second), key=lambda v: v.residual.excess if v.residual else -1.0)
        return LawVerdict(True, worst.residual, worst.words)
    return first if not first.holds else second


def either(first: LawVerdict, second: LawVerdict) -> LawVerdict:
    """The verdict of `first or second`."""
    return first if first.holds else second
