"""How much a profile draws: cases per property and dtype."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """Cases for agreement, gradients and each law; extra cases where a law was hardly reached."""

    name: str
    agreement: int
    gradient: int
    law: int
    extra: int
    shrink_seconds: float


PROFILES = {
    "quick": Profile("quick", 8, 3, 2, 10, 3.0),
    "default": Profile("default", 32, 12, 4, 24, 5.0),
    "thorough": Profile("thorough", 160, 60, 16, 64, 20.0),
}
