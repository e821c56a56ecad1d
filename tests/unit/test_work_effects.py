"""What is told of random generators: that a call drew from one, or that it seeded one."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
import torch

from conform.work.effects import DRAWN, GlobalState


def seeded_again() -> None:
    np.random.seed(7)
    np.random.rand(3)


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (lambda: None, []),
        (lambda: torch.rand(3), [DRAWN[0]]),
        (lambda: torch.manual_seed(7), ["torch random seed"]),
        (random.random, [DRAWN[2]]),
        (lambda: [random.random() for _ in range(2000)], [DRAWN[2]]),
        (lambda: random.seed(7), ["python random seed"]),
        (lambda: np.random.rand(1), [DRAWN[3]]),
        (lambda: np.random.rand(100, 100), [DRAWN[3]]),
        (seeded_again, ["numpy random seed"]),
    ],
)
def test_drawing_is_told_from_seeding(act: Callable[[], object], told: list[str]) -> None:
    state = GlobalState("cpu")
    state.before_call()
    act()
    assert state.changed() == told
