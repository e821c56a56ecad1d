"""A run on two processes gives what one process gives."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from conform.errors import ConformError
from conform.events import Event, RunFinished, TargetFinished, TargetStarted, VerdictReached
from conform.records import Outcome, RunResult
from conform.run.parallel import run_parallel
from conform.run.profiles import PROFILES
from conform.run.runner import Request, Runner
from conform.spec.book import built_in

OPERATORS = ("causal_mask", "swish")
TARGET = """
import torch

CONFORM = {"name": "pair", "dtypes": ["float32"]}


def causal_mask(Lq, Lk):
    return torch.ones(Lq, Lk, dtype=torch.bool).tril(Lk - Lq)


def swish(x, *, beta=1.0):
    return x * x.sigmoid()
"""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As the command line has it; the number is part of the environment that is compared."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def request(tmp_path: Path, text: str = TARGET) -> Request:
    path = tmp_path / "pair_target.py"
    path.write_text(text)
    profile = replace(PROFILES["quick"], shrink_seconds=0.0)
    chosen = ("*.agrees-with-reference", "swish.beta*", "*.hygiene.repeatable")
    return Request((str(path),), profile, OPERATORS, chosen, out=tmp_path / "out")


def plain(result: RunResult) -> RunResult:
    """Without times."""
    targets = tuple(
        replace(t, verdicts=tuple(replace(v, seconds=0.0) for v in t.verdicts))
        for t in result.targets
    )
    return replace(result, targets=targets, seconds=0.0)


def test_two_processes_give_the_result_of_one(tmp_path: Path) -> None:
    asked = request(tmp_path)
    events: list[Event] = []
    parallel = run_parallel(asked, built_in(), [events.append], 2)
    assert plain(parallel) == plain(Runner(asked, built_in(), ()).run())
    assert any(v.outcome is Outcome.FAIL for v in parallel.targets[0].verdicts)
    assert parallel.complete
    starts = [e for e in events if isinstance(e, TargetStarted)]
    assert [e.planned for e in starts] == [len(parallel.targets[0].verdicts)]
    reached = [e for e in events if isinstance(e, VerdictReached)]
    assert len(reached) == len(parallel.targets[0].verdicts)
    assert events.index(starts[0]) < events.index(reached[0])
    assert isinstance(events[-2], TargetFinished)
    assert isinstance(events[-1], RunFinished)


def test_an_interrupt_keeps_what_was_done(tmp_path: Path) -> None:
    def interrupt(event: Event) -> None:
        if isinstance(event, VerdictReached):
            raise KeyboardInterrupt

    result = run_parallel(request(tmp_path), built_in(), [interrupt], 2)
    assert not result.complete
    assert result.targets[0].verdicts
    assert result.targets[0].name == "pair"


def test_a_target_that_does_not_load_is_a_wrong_request(tmp_path: Path) -> None:
    with pytest.raises(ConformError, match="importing it failed: ZeroDivisionError"):
        run_parallel(request(tmp_path, "1 / 0\n"), built_in(), [], 2)


def test_a_process_that_dies_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import conform.run.parallel as module

    monkeypatch.setattr(module, "_serve", _die)
    with pytest.raises(ConformError, match=r"a process of the run ended \(exit status 7\)"):
        run_parallel(request(tmp_path), built_in(), [], 2)


def _die(pipe: object, packed: bytes) -> None:
    import os

    os._exit(7)


def test_jobs_must_be_positive(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="jobs=0"):
        run_parallel(request(tmp_path), built_in(), [], 0)
