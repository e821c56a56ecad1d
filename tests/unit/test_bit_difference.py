"""`is` in laws: the same bits, but for the sign of zero, NaN payloads and flushed subnormals."""

from __future__ import annotations

import pytest
import torch

from conform.run.sides import bit_difference

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (0.0, -0.0, True),
        (NAN, NAN, True),
        (INF, INF, True),
        (1e-40, 0.0, True),  # flushed
        (NAN, 0.0, False),
        (0.0, NAN, False),
        (NAN, 1.0, False),
        (INF, 0.0, False),
        (0.0, -INF, False),
        (1e-30, 0.0, False),
        (1.0, 1.0 + 2**-23, False),
    ],
)
def test_which_numbers_are_the_same(left: float, right: float, same: bool) -> None:
    a, b = (torch.tensor([1.0, x], dtype=torch.float64) for x in (left, right))
    assert (bit_difference((a,), (b,)) == "") is same


def test_results_are_told_apart_by_number_and_shape() -> None:
    x = torch.zeros(2)
    assert "1 results against 2" in bit_difference((x,), (x, x))
    assert "shapes" in bit_difference((x,), (torch.zeros(1, 2),))
