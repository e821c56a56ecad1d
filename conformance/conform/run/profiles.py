"""How much a profile draws: cases per property and dtype."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """Cases for agreement, gradients and each law; in how many dtypes a law is asked (agreement and
    gradients: in all); extra cases where a law was hardly reached; cases of usual sizes, a third as
    many for gradients; whether dims that go far are whole vectors, too, and for how many of them
    gradients, and values of whole models, are asked."""

    name: str
    agreement: int
    gradient: int
    law: int
    law_dtypes: int
    extra: int
    shrink_seconds: float
    usual: int
    far_by_eight: bool
    far_gradients: int


PROFILES = {
    "quick": Profile("quick", 6, 2, 1, 1, 20, 3.0, 1, False, 2),
    "default": Profile("default", 28, 8, 3, 2, 32, 5.0, 6, True, 5),
    "thorough": Profile("thorough", 160, 60, 12, 4, 64, 20.0, 30, True, 20),
}
