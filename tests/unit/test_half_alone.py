"""Targets of half precision alone are asked for gradients at usual sizes, by a coarser measure."""

import math
from pathlib import Path

import pytest

from conform.judge.criterion import Residual
from conform.records import Level
from conform.run.outcomes import Kind, Trial, beyond
from conform.run.profiles import PROFILES
from conform.run.runner import Request, Runner
from conform.spec.book import built_in

BLOCK = '''
import torch


class Softmax(torch.autograd.Function):
    """On the way back the sum runs over the first 64 columns."""

    @staticmethod
    def forward(ctx, x):
        y = torch.softmax(x.float(), -1)
        ctx.save_for_backward(y)
        return y.to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        (y,) = ctx.saved_tensors
        flow = dy.float() * y
        return (flow - y * flow[..., :COLUMNS].sum(-1, keepdim=True)).to(dy.dtype)


def softmax(x):
    return Softmax.apply(x)


CONFORM = {"dtypes": ["bfloat16"]}
'''


def off(excess: float) -> Residual:
    return Residual(excess, excess, (0,), 1.0, 2.0, 1e-6, 1, 1)


@pytest.mark.parametrize("excess", [1.5, 7.9, 8.1, math.inf])
def test_so_many_roundings_are_let_pass(excess: float) -> None:
    assert beyond(Trial(Kind.FAILED, residual=off(excess))) is (excess > 8)


def test_what_says_nothing_of_size_is_not_let_pass() -> None:
    assert beyond(Trial(Kind.FAILED, "no gradient flows to x"))


@pytest.mark.parametrize(("columns", "right"), [("64", False), ("", True)])
def test_a_backward_of_the_first_block_is_refuted(
    tmp_path: Path, columns: str, right: bool
) -> None:
    path = tmp_path / "blocks.py"
    path.write_text(BLOCK.replace("COLUMNS", columns))
    laws = ("softmax.gradient-agrees",)
    request = Request((str(path),), PROFILES["quick"], ("softmax",), laws)
    (target,) = Runner(request, built_in(), ()).run().targets
    violated = [v for v in target.verdicts if v.outcome.violated and v.level is Level.MUST]
    assert bool(violated) is not right
    assert sum(v.cases for v in target.verdicts) > 0
