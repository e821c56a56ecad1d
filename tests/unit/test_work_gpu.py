"""What the worker does about a GPU's faults, with a GPU that is made up."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from conform.work import gpu
from conform.work.caller import BoundOperator
from conform.work.execute import Executor
from conform.work.protocol import CallRequest, ReplyOutcome


class Aborted(BaseException):
    """Instead of the end of the process."""


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    def fault() -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    def abort() -> None:
        raise Aborted

    monkeypatch.setattr(torch.cuda, "synchronize", fault)
    monkeypatch.setattr(gpu.os, "abort", abort)


@pytest.mark.usefixtures("faulty")
def test_a_lost_device_ends_the_process_and_says_why(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Aborted):
        gpu.end_if_lost("cuda")
    assert "the device is lost: CUDA error: an illegal memory access" in capfd.readouterr().err
    gpu.end_if_lost("cpu")


def on_gpu(function: Callable[[], float], patch: pytest.MonkeyPatch) -> Executor:
    """An executor that takes its device for a GPU; calls without arguments move nothing there."""
    patch.setattr("conform.work.caller.poison_free_memory", lambda device: None)
    executor = Executor({"f": BoundOperator(function, {})}, "cpu")
    executor._caller.device = "cuda"
    return executor


@pytest.mark.usefixtures("faulty")
def test_a_fault_within_a_call_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is raised by the wait after the call."""
    with pytest.raises(Aborted):
        on_gpu(lambda: 1.0, monkeypatch).execute(CallRequest("f", ()))


def test_an_exception_that_is_no_fault_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[str] = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: waits.append("waited"))

    def refuses() -> float:
        raise ValueError("no")

    executor = on_gpu(refuses, monkeypatch)
    assert executor.execute(CallRequest("f", ())).outcome is ReplyOutcome.RAISED
    assert waits == ["waited"]


def test_free_memory_of_both_pools_is_poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[object, ...]] = []
    monkeypatch.setattr(torch, "full", lambda *args, **named: made.append((*args, named)))
    gpu.poison_free_memory("cpu")
    assert made == []
    gpu.poison_free_memory("cuda")
    assert [args[0][0] * 4 for args in made] == [1 << 20, 20 << 20]  # type: ignore[index]
    assert all(args[1] != args[1] for args in made)
    assert all(args[2]["device"] == "cuda" for args in made)  # type: ignore[index]
