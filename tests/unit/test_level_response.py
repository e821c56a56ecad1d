"""Float64 is judged as float32 scaled down: not where any roundoff turns the result about."""

from __future__ import annotations

import torch

from conform.judge.criterion import judge, level_apart
from conform.judge.model import Model
from conform.judge.sampling import SMALL, USUAL, Manner, sample

MODEL = Model("float64")
KEYS, WIDTH = 8, 40
GENERATOR = torch.Generator().manual_seed(4)
KEY = torch.randn(WIDTH, 1, generator=GENERATOR, dtype=torch.float64).expand(WIDTH, KEYS)
VALUES = torch.randn(KEYS, WIDTH, generator=GENERATOR, dtype=torch.float64)


def attend(query: torch.Tensor) -> torch.Tensor:
    return torch.softmax(query @ KEY, -1) @ VALUES


def bounds(query: torch.Tensor) -> list[torch.Tensor]:
    """Samples with float32's roundoff, and with few of float64's where those say more."""

    def drawn(manner: Manner) -> torch.Tensor:
        return sample(attend, [query], MODEL, 29, 5, "level", manner=manner)[0]

    usual = drawn(USUAL)
    level = level_apart(usual, drawn(SMALL), attend(query), MODEL.scale)
    return [usual, level]


def test_a_tie_that_the_last_bit_decides_goes_either_way() -> None:
    query = 1e30 * torch.randn(3, WIDTH, generator=GENERATOR, dtype=torch.float64)
    mean, winner = VALUES.mean(0).expand(3, WIDTH), VALUES[2].expand(3, WIDTH)
    usual, level = bounds(query)
    assert not judge(winner, mean, usual, MODEL.scale).within
    assert judge(winner, mean, level, MODEL.scale).within


def test_where_the_response_is_in_proportion_the_bound_stays() -> None:
    query = torch.randn(3, WIDTH, generator=GENERATOR, dtype=torch.float64)
    usual, level = bounds(query)
    assert torch.equal(usual, level)
    off = attend(query) * (1 + 1e-6)
    assert not judge(off, attend(query), level, MODEL.scale).within
