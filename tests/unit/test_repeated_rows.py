"""Rows that are the same are rounded alike: the root mean square of their errors says nothing."""

from types import SimpleNamespace

import pytest
import torch

from conform.run.judgement import _repeats

ROW = torch.tensor([1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("x", "repeats"),
    [
        (ROW.expand(4, 3), True),
        (ROW.unsqueeze(1).expand(3, 4).clone(), True),
        (torch.arange(12.0).view(4, 3), False),
        (torch.ones(4, 3), False),
        (ROW.expand(1, 3), False),
        (torch.arange(3).expand(4, 3), False),
    ],
)
def test_rows_that_repeat(x: torch.Tensor, repeats: bool) -> None:
    distinct = torch.arange(4.0)
    for args, options, cotangents in [((x,), {}, ()), ((distinct,), {"b": x}, ()), ((), {}, (x,))]:
        call = SimpleNamespace(args=args, options=options, cotangents=cotangents)
        assert _repeats(call) is repeats  # type: ignore[arg-type]
