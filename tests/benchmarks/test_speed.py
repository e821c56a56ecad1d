"""How long the checker takes: `make bench-checker`; skipped in ordinary runs (--benchmark-skip)."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from conform.records import ExitCode
from conform.run.oracle import Oracle
from conform.run.profiles import PROFILES
from conform.run.runner import Request, Runner
from conform.spec.book import built_in
from conform.work.client import WorkerClient
from conform.work.zygote import Zygote

TESTS = Path(__file__).parents[1]
Benchmark = Any


def conform(*words: str, timeout: float = 600.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "conform", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    torch.set_num_threads(1)
    with Zygote(threads=1) as preloaded:
        yield preloaded


def test_help(benchmark: Benchmark) -> None:
    """Under 0.4 s."""
    done = benchmark.pedantic(conform, args=("--help",), rounds=5, warmup_rounds=1)
    assert done.returncode == 0


def test_list(benchmark: Benchmark) -> None:
    """Under 1 s."""
    done = benchmark.pedantic(conform, args=("list",), rounds=5, warmup_rounds=1)
    assert done.returncode == 0


@pytest.mark.parametrize("profile", ["quick", "default"])
def test_reference_run(benchmark: Benchmark, profile: str, tmp_path: Path) -> None:
    """Under 20 s and 90 s for all operators."""
    file = tmp_path / "result.json"
    words = ("run", "--target", "reference", "--profile", profile, "--quiet", "--json", str(file))
    done = benchmark.pedantic(conform, args=words, rounds=1)
    assert done.returncode == 0, done.stdout[-2000:]
    benchmark.extra_info.update(json.loads(file.read_text())["summary"])


class Clock:
    """Seconds spent inside wrapped functions, nested ones counted once."""

    def __init__(self) -> None:
        self.spent = 0.0
        self.depth = 0

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, timed."""

        def timed(*args: Any, **options: Any) -> Any:
            self.depth += 1
            started = time.perf_counter()
            try:
                return function(*args, **options)
            finally:
                self.depth -= 1
                if self.depth == 0:
                    self.spent += time.perf_counter() - started

        return timed


@pytest.mark.parametrize("operator", ["attention", "rms_norm", "rope"])
def test_overhead_of_a_case(
    benchmark: Benchmark, operator: str, zygote: Zygote, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Median at most 5 ms a case outside of the target's and the oracle's own calls."""
    clock = Clock()
    monkeypatch.setattr(WorkerClient, "call", clock.wrap(WorkerClient.call))
    for name in ("truth", "gradient_truth", "__call__"):
        monkeypatch.setattr(Oracle, name, clock.wrap(getattr(Oracle, name)))
    from conform.judge import sampling
    from conform.run import laws, oracle

    monkeypatch.setattr(oracle, "sample", clock.wrap(sampling.sample))
    monkeypatch.setattr(laws.LawRun, "sampled", clock.wrap(laws.LawRun.sampled))
    request = Request(("reference",), PROFILES["default"], (operator,), dtypes=("float32",))
    per_case: list[float] = []

    def once() -> None:
        result = Runner(request, built_in(), (_Seconds(clock, per_case),), zygote=zygote).run()
        assert result.exit_code() is ExitCode.CONFORMS

    benchmark.pedantic(once, rounds=1)
    benchmark.extra_info["median_ms_per_case"] = round(1000 * statistics.median(per_case), 2)


class _Seconds:
    """A listener that notes what each verdict took besides the clocked calls, by case."""

    def __init__(self, clock: Clock, into: list[float]) -> None:
        self.clock, self.into = clock, into
        self.started = self.before = 0.0

    def __call__(self, event: Any) -> None:
        kind = type(event).__name__
        if kind == "PropertyStarted":
            self.started, self.before = time.perf_counter(), self.clock.spent
        elif kind == "VerdictReached" and event.verdict.cases:
            took = time.perf_counter() - self.started - (self.clock.spent - self.before)
            self.into.append(took / event.verdict.cases)


def test_refuting_one_wrong_line(benchmark: Benchmark, zygote: Zygote) -> None:
    """Refuted, shrunk and diagnosed within 10 s of the worker's start."""
    path = TESTS / "broken" / "attention__scale_by_dim.py"
    request = Request(
        (str(path),),
        PROFILES["default"],
        ("attention",),
        ("attention.agrees-with-reference",),
        dtypes=("float32",),
    )

    def once() -> Any:
        return Runner(request, built_in(), (), zygote=zygote).run()

    result = benchmark.pedantic(once, rounds=1)
    (verdict,) = result.targets[0].verdicts
    assert result.exit_code() is ExitCode.VIOLATED
    assert verdict.diagnosis[0].mistake == "attention.scale-by-dim"


METERED = ("attention", "attention-backward", "softmax", "rms_norm", "language_model_loss")


@pytest.mark.parametrize("name", METERED)
def test_overhead_of_the_meter(benchmark: Benchmark, name: str) -> None:
    """At most 10 % of the interpreter's own time, in the median over calls of both in turn."""
    pytest.importorskip("triton")
    import conform_kernels
    from conform.measure import measure

    if not conform_kernels.interpreting():
        pytest.skip("kernels are compiled here, not interpreted")
    torch.set_num_threads(1)
    call = _metered_call(name)
    call()
    measure(call)
    plain: list[float] = []
    metered: list[float] = []

    def both() -> None:
        for spent, run in ((plain, call), (metered, lambda: measure(call))):
            started = time.process_time()
            run()
            spent.append(time.process_time() - started)

    benchmark.pedantic(both, rounds=15)
    overhead = statistics.median(metered) / statistics.median(plain) - 1
    benchmark.extra_info["overhead"] = round(overhead, 3)
    assert overhead < 0.5, "far beyond what noise explains"


def _metered_call(name: str) -> Callable[[], Any]:
    from conform_kernels.attention import attention
    from conform_kernels.language_model_loss import language_model_loss
    from conform_kernels.rms_norm import rms_norm
    from conform_kernels.softmax import softmax

    q, k, v = (torch.randn(1, heads, 200, 32) for heads in (2, 1, 1))
    x, logits, tokens = torch.randn(500, 50), torch.randn(4, 129, 300), torch.zeros(4, 129).long()
    tracked = q.clone().requires_grad_()
    calls: dict[str, Callable[[], Any]] = {
        "attention": lambda: attention(q, k, v),
        "attention-backward": lambda: attention(tracked, k, v).sum().backward(),
        "softmax": lambda: softmax(x),
        "rms_norm": lambda: rms_norm(x, x[0]),
        "language_model_loss": lambda: language_model_loss(logits, tokens),
    }
    return calls[name]
