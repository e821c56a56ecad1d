"""What nobody takes for a result is a refusal where a case is unusual: an error, a shape, NaN."""

import math

import pytest

from conform.judge.criterion import Residual
from conform.records import Outcome
from conform.run.outcomes import Kind, Trial
from conform.run.replies import Violation, raise_for
from conform.run.verify import _aloud
from conform.work.protocol import CallReply, ReplyOutcome


def off(actual: float) -> Residual:
    return Residual(math.inf, math.inf, (0,), 1.0, actual, 1e-6, 1, 1)


@pytest.mark.parametrize(
    ("trial", "aloud"),
    [
        (Trial(Kind.FAILED, "raised ValueError", Outcome.ERROR), True),
        (
            Trial(Kind.FAILED, "returned the result with shape (1, 1), expected (1,)", shape=True),
            True,
        ),
        (Trial(Kind.FAILED, "no gradient flows to x, which is declared differentiable"), False),
        (Trial(Kind.FAILED, "disagrees", residual=off(math.nan)), True),
        (Trial(Kind.FAILED, "disagrees", residual=off(2.0)), False),
        (Trial(Kind.FAILED, "killed", Outcome.CRASH), False),
        (Trial(Kind.HELD), False),
    ],
)
def test_what_is_said_aloud(trial: Trial, aloud: bool) -> None:
    assert _aloud(trial) is aloud


def test_an_answer_that_no_cotangent_fits_is_of_another_shape() -> None:
    reply = CallReply(
        ReplyOutcome.MALFORMED, result_note="result 0 has shape=(1, 1); expected (1,)"
    )
    with pytest.raises(Violation) as caught:
        raise_for("dora_linear", reply)
    assert caught.value.shape
