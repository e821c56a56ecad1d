"""Plain numbers raise where tensors overflow to an infinity."""

from __future__ import annotations

import pytest
import torch

from conform.judge.sampling import Exact
from conform.run.calls import _beyond_range
from conform.run.oracle import Truth
from conform.work.protocol import CallReply, ExceptionInfo, ReplyOutcome


@pytest.mark.parametrize(
    ("kind", "expected", "beyond"),
    [
        ("OverflowError", float("inf"), True),
        ("ZeroDivisionError", float("nan"), True),
        ("OverflowError", 3.0, False),
        ("RuntimeError", float("inf"), False),
    ],
)
@pytest.mark.parametrize("tensor", [False, True])
def test_only_where_the_reference_leaves_the_range(
    kind: str, expected: float, beyond: bool, tensor: bool
) -> None:
    raised = ExceptionInfo(kind, "math range error")
    reply = CallReply(ReplyOutcome.RAISED, exception=raised)
    result = torch.tensor([1.0, expected]) if tensor else expected
    truth = Truth(Exact((result, "a text"), 1, False), lambda manner: [])
    assert _beyond_range(reply, truth) is beyond
