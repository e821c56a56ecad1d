"""Targets that misbehave as processes: each must become a reply, and the next call must work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from conform.errors import ConformError
from conform.target.claims import OperatorSignature
from conform.target.ref import parse_target
from conform.work.client import WorkerClient
from conform.work.protocol import CallReply, CallRequest, ReplyOutcome, TensorArg
from conform.work.zygote import Zygote

BROKEN = Path(__file__).parents[1] / "broken" / "process"
OPERATORS = (
    OperatorSignature("softmax", ("x",)),
    OperatorSignature("attention", ("q", "k", "v"), {"causal": False, "scale": None}),
)

Open = Callable[..., WorkerClient]


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote() as preloaded:
        yield preloaded


@pytest.fixture
def open_target(zygote: Zygote) -> Iterator[Open]:
    opened: list[WorkerClient] = []

    def open_(name: str, **settings: float) -> WorkerClient:
        target = parse_target(str(BROKEN / f"{name}.py"))
        opened.append(WorkerClient(target, operators=OPERATORS, zygote=zygote, **settings))
        return opened[-1]

    yield open_
    for client in opened:
        client.close()


def request(values: torch.Tensor | None = None, **fields: object) -> CallRequest:
    x = torch.linspace(-1.0, 1.0, 12).reshape(3, 4) if values is None else values
    return CallRequest("softmax", (TensorArg.of(x),), **fields)


def with_margins(values: torch.Tensor) -> TensorArg:
    """A view with three NaN canaries before and after it."""
    storage = torch.full((values.numel() + 6,), float("nan"), dtype=values.dtype)
    storage[3:-3] = values.reshape(-1)
    return TensorArg(storage, tuple(values.shape), tuple(values.stride()), 3, values.dtype)


def call(client: WorkerClient, **fields: object) -> CallReply:
    return client.call(request(**fields))


def test_wrong_shape_arrives_as_it_is(open_target: Open) -> None:
    reply = call(open_target("wrong_shape"))
    assert reply.outcome is ReplyOutcome.RETURNED
    assert reply.results[0].shape == (4, 3)
    assert reply.result_infos[0].strides == (1, 4)


def test_wrong_dtype_arrives_as_it_is(open_target: Open) -> None:
    assert call(open_target("wrong_dtype")).results[0].dtype is torch.float64


def test_nan_arrives(open_target: Open) -> None:
    assert call(open_target("returns_nan")).results[0].isnan().all()


def test_none_is_malformed(open_target: Open) -> None:
    reply = call(open_target("returns_none"))
    assert reply.outcome is ReplyOutcome.MALFORMED
    assert reply.result_note == "returned None; expected a tensor, a number or a tuple of them"


def test_text_is_malformed(open_target: Open) -> None:
    reply = call(open_target("returns_text"))
    assert reply.outcome is ReplyOutcome.MALFORMED
    assert "a value of type str" in reply.result_note


def test_tuple_is_noted(open_target: Open) -> None:
    reply = call(open_target("returns_tuple"))
    assert reply.outcome is ReplyOutcome.RETURNED
    assert (reply.is_tuple, len(reply.results), reply.result_note) == (True, 2, "a tuple of 2")


def test_subclass_is_noted_and_its_values_arrive(open_target: Open) -> None:
    reply = call(open_target("returns_subclass"))
    assert type(reply.results[0]) is torch.Tensor
    assert not reply.result_infos[0].plain
    assert "Tracked" in reply.result_note


def test_mutation_is_counted(open_target: Open) -> None:
    reply = call(open_target("mutates_input"))
    assert reply.effects.mutated == {0: 12}
    assert reply.effects.version_changed == (0,)
    assert reply.effects.margins_written == {}


def test_write_outside_the_view_is_counted(open_target: Open) -> None:
    arg = with_margins(torch.ones(3, 4))
    reply = open_target("writes_margins").call(CallRequest("softmax", (arg,)))
    assert reply.effects.margins_written == {0: 1}
    assert reply.effects.mutated == {}


def test_output_is_drained_bounded_and_kept_from_ours(
    open_target: Open, capfd: pytest.CaptureFixture[str]
) -> None:
    reply = call(open_target("prints_a_lot"))
    assert reply.outcome is ReplyOutcome.RETURNED
    assert reply.printed_bytes > 32 << 20
    assert len(reply.log_tail) <= 2048
    assert reply.log_tail.endswith("last words\n")
    assert capfd.readouterr() == ("", "")


def test_sys_exit_is_an_exception(open_target: Open) -> None:
    client = open_target("calls_exit")
    reply = call(client)
    assert reply.outcome is ReplyOutcome.RAISED
    assert reply.exception is not None
    assert reply.exception.message == "called sys.exit(3)"
    assert call(client, values=torch.ones(2, 2)).outcome is ReplyOutcome.RETURNED
    assert client.restarts == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [("segfaults", "killed by SIGSEGV (Segmentation fault)"), ("leaves_at_once", "with code 7")],
)
def test_crash_is_told_in_words(open_target: Open, name: str, words: str) -> None:
    reply = call(open_target(name))
    assert reply.outcome is ReplyOutcome.CRASHED
    assert words in reply.result_note


def test_a_crash_is_located_and_survived(open_target: Open) -> None:
    client = open_target("segfaults")
    reply = call(client)
    assert reply.exception is not None
    assert "segfaults.py" in reply.exception.traceback
    assert "in softmax" in reply.exception.traceback
    again = call(client, values=torch.ones(2, 2))
    assert again.outcome is ReplyOutcome.RETURNED
    assert client.restarts == 1


def test_a_hang_is_located_and_survived(open_target: Open) -> None:
    client = open_target("hangs", timeout=0.5)
    reply = call(client)
    assert reply.outcome is ReplyOutcome.TIMED_OUT
    assert reply.result_note == "no answer within 1.5 s"  # an operator's first call has more time
    assert reply.exception is not None
    assert "in wait_for_convergence" in reply.exception.traceback
    assert call(client, values=torch.ones(2, 2)).outcome is ReplyOutcome.RETURNED
    assert client.restarts == 1


def test_memory_is_limited(open_target: Open) -> None:
    reply = call(open_target("exhausts_memory", memory_limit=2 << 30))
    assert reply.outcome is ReplyOutcome.RAISED
    assert reply.exception is not None
    assert reply.exception.message.startswith("out of memory")


def test_changes_of_global_state_are_named_and_undone(open_target: Open) -> None:
    client = open_target("changes_state")
    first, second = call(client), call(client)
    assert set(first.effects.state_changed) == {
        "torch random seed",
        "python random generator",
        "default dtype",
        "grad mode",
        "deterministic algorithms",
        "thread count",
        "float32 matmul precision",
    }
    assert second.effects.state_changed == first.effects.state_changed


def test_a_reused_buffer_shows_in_the_next_call(open_target: Open) -> None:
    client = open_target("reuses_buffer")
    assert not call(client).previous_changed
    assert call(client, values=torch.eye(4)[:3]).previous_changed


def test_a_reused_buffer_shows_in_a_repeated_call(open_target: Open) -> None:
    reply = call(open_target("reuses_buffer"), repeat=True)
    assert reply.repeat_changed == (0,)
    assert reply.effects.kept is False
    expected = torch.linspace(-1.0, 1.0, 12).reshape(3, 4).softmax(-1)
    assert torch.allclose(reply.results[0], expected)


def test_what_is_kept_by_address_shows_in_a_repeated_call(open_target: Open) -> None:
    assert call(open_target("remembers_addresses"), repeat=True).effects.renewed is False
    assert call(open_target("reuses_buffer"), repeat=True).effects.renewed is True


def test_gradients_of_strided_inputs_are_compared_with_those_of_contiguous_ones(
    open_target: Open,
) -> None:
    target = open_target("gradient_ignores_strides")
    x = torch.linspace(-1.0, 1.0, 12).reshape(4, 3)
    asked = {"wrt": (0,), "apart": "straight"}
    assert not target.call(request(x, **asked)).effects.straight
    transposed = TensorArg(x.flatten(), (3, 4), (1, 3), 0, x.dtype)
    reply = target.call(CallRequest("softmax", (transposed,), **asked))
    assert reply.effects.straight == "the gradients are others when the inputs are contiguous"


def test_a_way_back_that_raises_on_contiguous_inputs_says_so(open_target: Open) -> None:
    x = torch.linspace(-1.0, 1.0, 12).reshape(4, 3)
    transposed = TensorArg(x.flatten(), (3, 4), (1, 3), 0, x.dtype)
    asked = CallRequest("softmax", (transposed,), wrt=(0,), apart="straight")
    told = open_target("gradient_needs_strides").call(asked).effects.straight
    assert told == "the way back raises RuntimeError when the inputs are contiguous"


def test_a_call_between_there_and_back_changes_no_gradient(open_target: Open) -> None:
    reply = call(open_target("gradient_of_the_last_call"), wrt=(0,), apart="apart")
    words = "the gradients are others when another call comes between there and back"
    assert reply.effects.apart == words


def test_randomness_shows_in_a_repeated_call(open_target: Open) -> None:
    reply = call(open_target("draws_from_global"), repeat=True)
    assert reply.repeat_changed is not None
    assert reply.repeat_changed[0] > 0
    assert "torch random generator" in reply.effects.state_changed


def test_fresh_memory_is_poisoned(open_target: Open) -> None:
    reply = call(open_target("reads_fresh_memory"))
    sums = reply.results[0].sum(-1)
    assert not ((sums - 1).abs() < 0.1).any()


def test_an_exception_has_the_users_frames_only(open_target: Open) -> None:
    reply = call(open_target("raises"))
    assert reply.outcome is ReplyOutcome.RAISED
    assert reply.exception is not None
    assert reply.exception.type == "ValueError"
    assert reply.exception.message == "cannot handle shape=(3, 4)"
    assert reply.exception.traceback.count("File ") == 2
    assert "conform/work" not in reply.exception.traceback


def test_not_implemented_is_a_refusal(open_target: Open) -> None:
    reply = call(open_target("refuses"))
    assert reply.outcome is ReplyOutcome.REFUSED


@pytest.mark.parametrize(
    ("name", "slug", "words"),
    [
        ("import_error", "target-import", "No module named 'no_such_module_for_conform'"),
        ("import_exits", "target-import", "it called sys.exit('usage: import_exits INPUT')"),
        ("import_crashes", "target-import-crash", "killed by SIGSEGV"),
        ("no_operator", "no-operator", "public functions seen: soft_max, unrelated"),
        ("wrong_signature", "wrong-signature", "it requires 'dim'"),
        ("lacks_inputs", "wrong-signature", r"takes 1 positional arguments; expected 3"),
        ("bad_declaration", "unknown-declaration-key", "key 'dtype', did you mean 'dtypes'?"),
    ],
)
def test_a_target_that_cannot_be_used(open_target: Open, name: str, slug: str, words: str) -> None:
    with pytest.raises(ConformError) as caught:
        open_target(name).describe()
    assert caught.value.slug == slug
    assert words in str(caught.value)
    assert name in str(caught.value)
    assert caught.value.exit_code == 2


def test_the_import_tracebacks_frames_are_the_users(open_target: Open) -> None:
    with pytest.raises(ConformError, match="in prepare") as caught:
        open_target("import_error").describe()
    assert "importlib" not in str(caught.value)


def test_no_operator_names_the_nearest(open_target: Open) -> None:
    with pytest.raises(ConformError, match="'soft_max' is close to the operator 'softmax'"):
        open_target("no_operator").describe()


def test_a_hanging_import_is_ended(open_target: Open) -> None:
    with pytest.raises(ConformError, match=r"more than 0\.5 s") as caught:
        open_target("import_hangs", load_timeout=0.5).describe()
    assert "import_hangs.py" in caught.value.message
