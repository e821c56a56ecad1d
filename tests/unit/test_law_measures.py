"""Measures in laws: what they read off a metered call, whom they are asked of, and how they end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.attention.bias

from conform.errors import ConformError
from conform.law.evaluate import Evaluator
from conform.law.grammar import LawError, names_used, parse
from conform.law.measures import Metered
from conform.law.names import MEASURE_NAMES
from conform.measure import Measurement, Traffic
from conform.records import Level, Outcome, Verdict
from conform.run.profiles import PROFILES
from conform.run.runner import Request, Runner
from conform.spec.book import built_in
from conform.target.declaration import read_declaration
from conform.work.caller import BoundOperator
from conform.work.execute import Executor
from conform.work.protocol import CallRequest, ReplyOutcome, TensorArg
from conform.work.zygote import Zygote

X = torch.arange(6.0)
FOUND = Measurement(
    arguments={0: Traffic(24, 8), "bias": Traffic(4, 0), "cotangent": Traffic(2, 0)},
    results=Traffic(1, 24), fresh=Traffic(100, 50), other=Traffic(7, 0), sectors=3, outside=2,
    write_write=1, read_write=4, unwritten=5, launches=6, flops=1000, peak=64,
    order_dependent=True,
)  # fmt: skip


class MeteringCaller:
    """Answers every call with its argument, metered as FOUND."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.made = False
        self.pulled = 0

    def call(self, operator: str, args: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
        self.made = True
        return args[0]

    def observed_call(self, name: str, evaluate: Callable[[], Any]) -> Any:
        self.kinds.append(name)
        self.made = False
        evaluate()
        return Metered(FOUND, {0: X, "bias": 1.0}) if self.made else None

    def pulled_back(self, evaluate: Callable[[], Any]) -> Any:
        self.pulled += 1
        return evaluate()


def law(text: str, caller: MeteringCaller | None = None, **lets: str) -> Any:
    trees = {name: parse(source) for name, source in lets.items()}
    names = {"x": X, "y": X + 1}
    made: Any = caller or MeteringCaller()
    return Evaluator(names, trees, made, frozenset({"op"}), "op").value(parse(text))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("hbm_bytes(op(x))", 24 + 4 + 2 + 1 + 100 + 7 + 8 + 24 + 50),
        ("hbm_read(op(x))", 138),
        ("hbm_written(op(x))", 82),
        ("read_of(op(x), x)", 24),
        ("read_of(op(x), 0)", 24),
        ("written_of(op(x), x)", 8),
        ("read_of(op(x), 'bias')", 4),
        ("read_of(op(x), 'cotangent')", 2),
        ("fresh_bytes(op(x))", 150),
        ("result_bytes(op(x))", 25),
        ("sectors(op(x))", 3),
        ("races(op(x))", 5),
        ("outside(op(x))", 2),
        ("unwritten_reads(op(x))", 5),
        ("launches(op(x))", 6),
        ("flops(op(x))", 1000),
        ("peak_bytes(op(x))", 64),
        ("order_dependent(op(x))", True),
    ],
)
def test_a_measure_is_a_number(text: str, value: int) -> None:
    assert law(text) == value
    assert names_used(parse(text), {}) & MEASURE_NAMES


def test_measures_compose() -> None:
    assert law("2 * hbm_read(op(x)) + flops(op(x))") == 1276
    assert law("hbm_read(run(0))", run="lambda i: op(x)") == 138
    assert float(law("growth(lambda n: n * n * flops(op(x)), (2, 4, 8))")) == pytest.approx(2)
    caller = MeteringCaller()
    assert law("races(backward(op(x)))", caller) == 5
    assert (caller.kinds, caller.pulled) == (["measured"], 1)
    law("order_dependent(op(x)) and flops(op(x)) > 0", caller)
    assert caller.kinds == ["measured", "order", "flops"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hbm_bytes(x)", "hbm_bytes takes a call of an operator"),
        ("hbm_bytes()", "hbm_bytes takes a call of an operator"),
        ("read_of(op(x))", "read_of takes a call and one of its arguments"),
        ("read_of(op(x), y)", "the second is no argument of the call"),
        ("read_of(op(x), 7)", "the call has no argument 7"),
        ("written_of(op(x), 'mask')", "the call has no argument 'mask'"),
        ("backward(op(x), x)", "backward takes a call of an operator"),
    ],
)
def test_a_misused_measure_says_what_it_takes(text: str, words: str) -> None:
    with pytest.raises(LawError, match=words.replace("(", r"\(")):
        law(text)


def test_a_bound_value_is_no_call() -> None:
    with pytest.raises(LawError, match="evaluated right there"):
        law("(hbm_read(o), hbm_read(o))", o="op(x)")


# -- through the worker ------------------------------------------------------------------------

SOFTMAX = """
import torch
import triton
import triton.language as tl

@triton.jit
def _kernel(x, y, columns, stride_row, stride_col, BLOCK: tl.constexpr):
    row, at = tl.program_id(0), tl.arange(0, BLOCK)
    v = tl.load(x + row * stride_row + at * stride_col, mask=at < columns, other=-float("inf"))
    v = v + AGAIN
    e = tl.exp(v.to(tl.float32) - tl.max(v.to(tl.float32), 0))
    tl.store(y + row * columns + at, e / tl.sum(e, 0), mask=at < columns)

def softmax(x):
    flat = x.reshape(-1, x.shape[-1])
    y = torch.empty(flat.shape, dtype=x.dtype)
    if x.numel():
        block = triton.next_power_of_2(x.shape[-1])
        _kernel[(flat.shape[0],)](flat, y, x.shape[-1], *flat.stride(), BLOCK=block)
    return y.reshape(x.shape)
"""
TWICE = "0.0 * tl.load(x + row * stride_row + at * stride_col, mask=at < columns, other=0.0)"
EAGER = "import torch\n\ndef softmax(x):\n    return torch.softmax(x, -1)\n"
METERED = (
    "softmax.traffic",
    "softmax.hygiene.no-races",
    "softmax.hygiene.within-tensors",
    "softmax.hygiene.no-unwritten-reads",
    "softmax.hygiene.order-independent",
    "softmax.agrees-with-reference",
)


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote(threads=1) as preloaded:
        yield preloaded


def verdicts(folder: Path, source: str, zygote: Zygote, *laws: str) -> dict[str, Verdict]:
    path = folder / "mysoftmax.py"
    path.write_text(source)
    request = Request((str(path),), PROFILES["quick"], ("softmax",), laws or METERED, device="cpu")
    result = Runner(request, built_in(), (), zygote=zygote).run()
    return {f"{v.property}/{v.dtype}": v for t in result.targets for v in t.verdicts}


def test_a_promise_is_held_and_others_are_advised(tmp_path: Path, zygote: Zygote) -> None:
    pytest.importorskip("triton")
    once, promise = SOFTMAX.replace("AGAIN", "0.0"), '\nCONFORM = {"promises": ["traffic"]}\n'
    found = verdicts(tmp_path, once + promise, zygote)
    assert {v.outcome for v in found.values()} == {Outcome.PASS}
    assert len(found) == len(METERED) + 1, "agreement is asked in two dtypes"
    assert found["softmax.traffic/float32"].level is Level.MUST
    assert found["softmax.hygiene.no-races/float32"].level is Level.MUST

    twice = SOFTMAX.replace("AGAIN", TWICE)
    found = verdicts(tmp_path, twice + promise, zygote, "softmax.traffic")
    verdict = found["softmax.traffic/float32"]
    assert (verdict.level, verdict.outcome) == (Level.MUST, Outcome.FAIL)
    assert verdict.counterexample is not None
    assert "left" in verdict.counterexample.message

    found = verdicts(tmp_path, twice, zygote, "softmax.traffic")
    verdict = found["softmax.traffic/float32"]
    assert (verdict.level, verdict.outcome) == (Level.SHOULD, Outcome.FAIL)


def test_a_target_without_kernels_is_not_asked(tmp_path: Path, zygote: Zygote) -> None:
    found = verdicts(tmp_path, EAGER, zygote)
    assert {v.property for v in found.values()} == {"softmax.agrees-with-reference"}
    promised = EAGER + '\nCONFORM = {"promises": ["traffic"]}\n'
    found = verdicts(tmp_path, promised, zygote, "softmax.traffic")
    assert found["softmax.traffic/float32"].outcome is Outcome.PASS, "eager calls are metered, too"


def test_interpreted_kernels_are_not_asked_for_tens_of_thousands_of_programs(
    tmp_path: Path, zygote: Zygote
) -> None:
    pytest.importorskip("triton")
    rows = "softmax.tens-of-thousands-of-rows"
    found = verdicts(tmp_path, SOFTMAX.replace("AGAIN", "0.0"), zygote, rows, METERED[-1])
    assert {v.property for v in found.values()} == {METERED[-1]}
    found = verdicts(tmp_path, EAGER, zygote, rows)
    assert {v.outcome for v in found.values()} == {Outcome.PASS}


def test_an_eager_function_beside_kernels_is_left_alone(tmp_path: Path, zygote: Zygote) -> None:
    pytest.importorskip("triton")
    mixed = SOFTMAX.replace("AGAIN", "0.0").replace("def softmax", "def unused") + EAGER
    found = verdicts(tmp_path, mixed, zygote, "softmax.traffic", "softmax.hygiene.no-races")
    assert {v.outcome for v in found.values()} == {Outcome.UNSUPPORTED}
    assert all("launches no Triton kernel" in v.reason for v in found.values())


def test_kernels_of_any_target_are_interpreted_with_a_mended_bfloat16(
    tmp_path: Path, zygote: Zygote
) -> None:
    """The file says nothing of interpreting and imports nothing of the suite."""
    pytest.importorskip("triton")
    found = verdicts(
        tmp_path, SOFTMAX.replace("AGAIN", "0.0"), zygote, "softmax.agrees-with-reference"
    )
    assert found["softmax.agrees-with-reference/bfloat16"].outcome is Outcome.PASS


# -- what cannot be metered, and what cannot be promised -----------------------------------------


def test_a_call_that_cannot_be_metered_says_why() -> None:
    request = CallRequest("softmax", (TensorArg.of(torch.ones(2, 3)),), measure=True, order=True)
    bound = {"softmax": BoundOperator(lambda x: torch.softmax(x, -1))}
    reply = Executor(bound, "cpu").execute(request)
    assert reply.measured is not None
    assert (reply.measured.read, reply.measured.written) == (24, 24)
    assert reply.measured.order_dependent is False
    assert reply.unmeasured == ""
    reply = Executor(bound, "cpu", "nobody watches").execute(request)
    assert (reply.measured, reply.unmeasured) == (None, "nobody watches")
    plain = Executor(bound, "cpu").execute(CallRequest("softmax", request.args))
    assert (plain.measured, plain.unmeasured) == (None, "")


def test_a_call_that_pytorch_cannot_watch_is_made_unwatched() -> None:
    """torch's CausalBias is a subclass that no dispatch mode lets come to be.

    Whether or not triton is there: what launches no kernel may be called again.
    """
    pytest.importorskip("triton")
    bias = torch.nn.attention.bias.causal_lower_right
    x = TensorArg.of(torch.ones(1, 1, 2, 4))
    attend = BoundOperator(
        lambda x: torch.nn.functional.scaled_dot_product_attention(x, x, x, bias(2, 2))
    )
    failing = BoundOperator(lambda x: x @ x)
    executor = Executor({"attend": attend, "failing": failing}, "cpu")
    reply = executor.execute(CallRequest("attend", (x,), measure=True))
    assert (reply.outcome, reply.exception, reply.measured) == (ReplyOutcome.RETURNED, None, None)
    assert "CausalBias" in reply.unmeasured
    assert len(reply.results) == 1
    reply = executor.execute(CallRequest("failing", (x,), measure=True))
    assert reply.outcome is ReplyOutcome.RAISED
    assert reply.exception is not None


def test_gradients_are_metered_with_the_call() -> None:
    request = CallRequest("f", (TensorArg.of(torch.ones(2, 3)),), wrt=(0,), measure=True)
    reply = Executor({"f": BoundOperator(lambda x: x * x)}, "cpu").execute(request)
    assert reply.measured is not None
    # Forward x is read once (both factors are x); backward it is read twice more, and dy twice.
    assert reply.measured.of("cotangent").read > 0
    assert reply.measured.results.written == 48


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (["trafic"], "unknown promise 'trafic', did you mean 'traffic'?"),
        ("traffic", "expected a list of promises among: traffic"),
        ([3], "unknown promise 3"),
    ],
)
def test_a_promise_that_is_none(value: object, words: str) -> None:
    with pytest.raises(ConformError) as caught:
        read_declaration("mine", {"promises": value}, ["softmax"])
    assert words in str(caught.value), str(caught.value)
    assert "CONFORM['promises']" in str(caught.value)


LATE = """
def softmax(x):
    import late_kernels

    return late_kernels.softmax(x)
"""


def test_kernels_imported_by_the_call_itself_are_not_said_to_move_nothing(
    tmp_path: Path, zygote: Zygote
) -> None:
    pytest.importorskip("triton")
    (tmp_path / "late_kernels.py").write_text(SOFTMAX.replace("AGAIN", "0.0"))
    promised = LATE + '\nCONFORM = {"promises": ["traffic"]}\n'
    found = verdicts(tmp_path, promised, zygote, "softmax.traffic")
    verdict = found["softmax.traffic/float32"]
    assert verdict.outcome is Outcome.UNSUPPORTED
    assert "triton was imported by the call itself" in verdict.reason
