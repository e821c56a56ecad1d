"""What travels to a well-behaved target and back: arguments, gradients, layouts, effects."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from conform.errors import ConformError
from conform.target.claims import OperatorSignature
from conform.target.ref import parse_target
from conform.work.arena import Arena, create_arena_file
from conform.work.callables import build_callable, linear_weight
from conform.work.client import WorkerClient
from conform.work.effects import same_bits
from conform.work.protocol import CallableArg, CallRequest, ReplyOutcome, ScalarArg, TensorArg
from conform.work.zygote import Zygote

SOURCE = '''
"""Operators that are what they say."""
import os
import torch
from torch.nn.functional import layer_norm

CONFORM = {"operators": {"attention": {"layout": "BLHD", "options": {"causal": "is_causal"}}}}

def attention(q, k, v, *, is_causal=False):
    assert q.shape[1] == 5 and q.is_contiguous(), (q.shape, q.stride())
    return (q + k * 2 + v * 3) * (2.0 if is_causal else 1.0)

def gelu(x):
    return x.clone().detach()

def softmax(x):
    return x * x.sum()

def swish(x, *, beta=1.0):
    return x[..., : int(beta)]

def causal_mask(Lq, Lk):
    return torch.ones(Lq, Lk, dtype=torch.bool).tril(Lk - Lq)

def pre_norm_residual(x, sublayer, gamma, beta):
    return x + sublayer(x)

def dot_score(h, s):
    return s.data_ptr() - h.data_ptr()

def bilinear_score(h, s):
    s.add_(1)
    return h + 0

def embedding(tokens, table):
    return torch.nn.functional.embedding(tokens, table, sparse=True)

def mha_to_gqa(W):
    return os.getpid(), 2.5, True
'''

OPERATORS = (
    OperatorSignature("attention", ("q", "k", "v"), {"causal": False, "scale": None}),
    OperatorSignature("gelu", ("x",), {"approximate": "none"}),
    OperatorSignature("softmax", ("x",)),
    OperatorSignature("swish", ("x",), {"beta": 1.0}),
    OperatorSignature("causal_mask", ("Lq", "Lk")),
    OperatorSignature("pre_norm_residual", ("x", "sublayer", "gamma", "beta"), {"eps": 1e-5}),
    OperatorSignature("mha_to_gqa", ("W",)),
    OperatorSignature("dot_score", ("h", "s")),
    OperatorSignature("bilinear_score", ("h", "s")),
    OperatorSignature("layer_norm", ("x", "gamma", "beta"), {"eps": 1e-5}),
    OperatorSignature("embedding", ("tokens", "table")),
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerClient]:
    file = tmp_path_factory.mktemp("target") / "honest_target.py"
    file.write_text(SOURCE)
    with WorkerClient(parse_target(str(file)), operators=OPERATORS, timeout=20) as opened:
        yield opened


def test_a_strided_view_arrives_with_its_strides_and_aliases_are_seen(client: WorkerClient) -> None:
    storage = torch.arange(40, dtype=torch.float32)
    arg = TensorArg(storage, (3, 4), (8, 2), 1, torch.float32)
    reply = client.call(
        CallRequest("swish", (arg,), {"beta": ScalarArg(3.0)}),
    )
    assert torch.equal(reply.results[0], arg.view()[..., :3])
    assert reply.result_infos[0].strides == (8, 2)
    assert reply.effects.aliases == (0,)


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.bool]
)
def test_every_dtype_keeps_its_bits(client: WorkerClient, dtype: torch.dtype) -> None:
    x = torch.tensor([0.0, -0.0, 1.0, 3.0]).to(dtype)
    if dtype.is_floating_point:
        x[3] = float("nan")
    reply = client.call(CallRequest("gelu", (TensorArg.of(x),)))
    assert reply.results[0].dtype is dtype
    assert torch.equal(reply.results[0].view(torch.uint8), x.view(torch.uint8))
    assert reply.effects.mutated == {}


def test_large_tensors_grow_the_arena(client: WorkerClient) -> None:
    x = torch.randn(3 << 20)
    reply = client.call(CallRequest("gelu", (TensorArg.of(x),)))
    assert torch.equal(reply.results[0], x)
    small = client.call(CallRequest("gelu", (TensorArg.of(x[:3]),)))
    assert torch.equal(small.results[0], x[:3])


def test_empty_tensors(client: WorkerClient) -> None:
    reply = client.call(CallRequest("gelu", (TensorArg.of(torch.empty(0, 4)),), wrt=(0,)))
    assert reply.results[0].shape == (0, 4)


def test_gradient_of_the_sum(client: WorkerClient) -> None:
    x = torch.randn(2, 3, dtype=torch.float64)
    reply = client.call(CallRequest("softmax", (TensorArg.of(x),), wrt=(0,)))
    assert reply.differentiable is True
    assert torch.allclose(reply.gradients[0], (2 * x.sum()).expand(2, 3))


def test_vector_jacobian_product_of_an_expanded_input(client: WorkerClient) -> None:
    storage = torch.tensor([1.0, 2.0])
    arg = TensorArg(storage, (3, 2), (0, 1), 0, torch.float32)
    cotangent = torch.arange(6.0).reshape(3, 2)
    leaf = arg.view().clone().requires_grad_()
    (expected,) = torch.autograd.grad(leaf * leaf.sum(), leaf, cotangent)
    reply = client.call(
        CallRequest("softmax", (arg,), wrt=(0,), cotangents=(TensorArg.of(cotangent),))
    )
    assert torch.allclose(reply.gradients[0], expected)
    assert reply.effects.mutated == {}


def test_a_sparse_gradient_arrives_in_full(client: WorkerClient) -> None:
    tokens, table = TensorArg.of(torch.tensor([2, 0, 2])), TensorArg.of(torch.ones(4, 2))
    reply = client.call(CallRequest("embedding", (tokens, table), wrt=(1,)))
    found = reply.gradients[1]
    assert found is not None
    assert found[:, 0].tolist() == [1.0, 0.0, 2.0, 0.0]


def test_a_detached_result_is_not_differentiable(client: WorkerClient) -> None:
    reply = client.call(CallRequest("gelu", (TensorArg.of(torch.ones(2)),), wrt=(0,)))
    assert reply.outcome is ReplyOutcome.RETURNED
    assert reply.differentiable is False
    assert reply.gradients == {0: None}


def test_a_gradient_that_does_not_flow_is_none(client: WorkerClient) -> None:
    args = (
        TensorArg.of(torch.ones(2, 3)),
        CallableArg("linear", 3, 5),
        TensorArg.of(torch.ones(3)),
        TensorArg.of(torch.ones(3)),
    )
    reply = client.call(CallRequest("pre_norm_residual", args, wrt=(0, 2)))
    assert reply.gradients[2] is None
    weight = linear_weight(3, 5).float()
    assert torch.equal(reply.results[0], torch.ones(2, 3) + torch.ones(2, 3) @ weight)


def test_wrong_cotangent_shape_is_the_targets_mistake(client: WorkerClient) -> None:
    x = TensorArg.of(torch.ones(2))
    reply = client.call(
        CallRequest("softmax", (x,), wrt=(0,), cotangents=(TensorArg.of(torch.ones(3)),))
    )
    assert reply.outcome is ReplyOutcome.MALFORMED
    assert "has shape=(2,); expected (3,)" in reply.result_note


def test_layout_and_renamed_option(client: WorkerClient) -> None:
    q, k, v = (torch.randn(2, 3, 5, 4) for _ in range(3))
    request = CallRequest(
        "attention",
        tuple(TensorArg.of(t) for t in (q, k, v)),
        {"causal": ScalarArg(True)},
        wrt=(1,),
        cotangents=(TensorArg.of(torch.ones(2, 3, 5, 4)),),
        head_major=(0, 1, 2),
        head_major_results=(0,),
    )
    reply = client.call(request)
    assert reply.exception is None
    assert torch.allclose(reply.results[0], 2 * (q + k * 2 + v * 3))
    assert torch.equal(reply.gradients[1], torch.full((2, 3, 5, 4), 4.0))


def test_plain_numbers_both_ways(client: WorkerClient) -> None:
    mask = client.call(CallRequest("causal_mask", (ScalarArg(2), ScalarArg(3)))).results[0]
    assert mask.tolist() == [[True, True, False], [True, True, True]]
    reply = client.call(CallRequest("mha_to_gqa", (TensorArg.of(torch.ones(1)),)))
    assert reply.results[1:] == (2.5, True)
    assert reply.results[2] is True


def test_torchs_own_functions_are_not_taken_for_the_targets(client: WorkerClient) -> None:
    assert client.describe().skipped == ("layer_norm",)
    assert "layer_norm" not in client.describe().operators


def test_arguments_on_one_storage_share_memory(client: WorkerClient) -> None:
    storage = torch.arange(8.0)
    first, second = (TensorArg(storage, (4,), (1,), 4 * i, torch.float32) for i in range(2))
    reply = client.call(CallRequest("dot_score", (first, second)))
    assert reply.results == (16,)
    apart = client.call(CallRequest("dot_score", (first, TensorArg.of(second.view()))))
    assert apart.results != (16,)


def test_a_write_into_another_view_is_a_mutation_and_no_margin(client: WorkerClient) -> None:
    storage = torch.arange(8.0)
    views = tuple(TensorArg(storage, (4,), (1,), 4 * i, torch.float32) for i in range(2))
    effects = client.call(CallRequest("bilinear_score", views)).effects
    assert effects.mutated == {1: 4}
    assert effects.margins_written == {}


def test_unclaimed_operator_and_option(client: WorkerClient) -> None:
    x = TensorArg.of(torch.ones(2))
    with pytest.raises(ConformError, match="does not claim 'layer_norm'"):
        client.call(CallRequest("layer_norm", (x, x, x)))
    with pytest.raises(ConformError, match="does not claim gelu's option 'approximate'"):
        client.call(CallRequest("gelu", (x,), {"approximate": ScalarArg("tanh")}))


def test_a_worker_that_was_killed_from_outside_is_replaced(client: WorkerClient) -> None:
    x = TensorArg.of(torch.ones(1))
    pid = client.call(CallRequest("mha_to_gqa", (x,))).results[0]
    os.kill(int(pid), signal.SIGKILL)
    reply = client.call(CallRequest("mha_to_gqa", (x,)))
    assert reply.outcome is ReplyOutcome.CRASHED
    assert "SIGKILL" in reply.result_note
    assert client.call(CallRequest("mha_to_gqa", (x,))).outcome is ReplyOutcome.RETURNED


def test_workers_end_with_their_client(tmp_path: Path) -> None:
    file = tmp_path / "honest_target.py"
    file.write_text(SOURCE)
    with Zygote() as zygote:
        client = WorkerClient(parse_target(str(file)), operators=OPERATORS, zygote=zygote)
        reply = client.call(CallRequest("mha_to_gqa", (TensorArg.of(torch.ones(1)),)))
        pid = int(reply.results[0])
    # The zygote is gone without the client having been closed: its worker must go with it.
    _await(lambda: _has_ended(pid))


ORPHAN = """
import sys
from conform.target.claims import OperatorSignature
from conform.target.ref import parse_target
from conform.work.client import WorkerClient
from conform.work.protocol import CallRequest, TensorArg
import torch

client = WorkerClient(parse_target(sys.argv[1]), operators=[OperatorSignature("softmax", ("x",))])
client.describe()
print("loaded", flush=True)
client.call(CallRequest("softmax", (TensorArg.of(-torch.ones(2)),)), timeout=600)
"""


def test_a_hanging_worker_ends_when_the_checker_is_killed(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    target = tmp_path / "endless_target.py"
    target.write_text(
        "import os\n\ndef softmax(x):\n"
        f"    open({str(pid_file)!r}, 'w').write(str(os.getpid()))\n    while True:\n        pass\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [sys.executable, "-c", ORPHAN, str(target)], stdout=subprocess.PIPE, env=environment
    ) as checker:
        assert checker.stdout is not None
        assert checker.stdout.readline() == b"loaded\n"
        _await(lambda: pid_file.exists() and pid_file.read_text() != "")
        checker.kill()
    pid = int(pid_file.read_text())
    _await(lambda: _has_ended(pid))


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "waited for 10 s in vain"
        time.sleep(0.02)


def _has_ended(pid: int) -> bool:
    """Gone, or dead and waiting for whoever adopted it to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("name", ["identity", "zero", "tanh", "linear"])
def test_callables_keep_shape_and_dtype(name: str) -> None:
    for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
        x = torch.ones(2, 4, dtype=dtype)
        y = build_callable(name, 4, 3)(x)
        assert (y.shape, y.dtype) == (x.shape, dtype)


def test_linear_weight_is_exact_in_every_dtype() -> None:
    weight = linear_weight(16, 1)
    assert weight.abs().max() > 0.1
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        assert torch.equal(weight.to(dtype).double(), weight)


def test_unknown_callable_names_the_nearest() -> None:
    with pytest.raises(ConformError, match="did you mean 'linear'"):
        build_callable("linaer", 4, 0)


def test_a_view_that_leaves_its_storage_is_refused() -> None:
    with pytest.raises(ConformError, match="leaves its storage of 4 elements"):
        TensorArg(torch.zeros(4), (2, 2), (2, 1), 1, torch.float32)


def test_sizes_of_one_may_have_any_stride() -> None:
    """PyTorch calls x[:1, 0] contiguous although its stride is 2."""
    odd = torch.arange(4, dtype=torch.int64).reshape(2, 2)[:1, 0]
    assert odd.is_contiguous()
    assert odd.stride() == (2,)
    assert same_bits(odd, torch.zeros(1, dtype=torch.int64))
    arena = Arena(create_arena_file())
    assert arena.read(arena.write(odd), 1, torch.int64).tolist() == [0]
