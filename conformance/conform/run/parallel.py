"""A run on several processes: operators are dealt out, events come back as they happen.

Targets are run one after another, each on all processes, so that the events of a run stand in the
same order as without; only verdicts of different operators mix.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import signal
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from typing import Any

from conform.errors import ConformError
from conform.events import (
    Event,
    Listener,
    RunFinished,
    RunStarted,
    TargetFinished,
    TargetStarted,
    VerdictReached,
)  # fmt: skip
from conform.records import RunResult, TargetResult, Verdict
from conform.run.runner import Request, Runner, property_infos, selection
from conform.spec.book import Book

PATIENCE = 10.0  # seconds for an interrupted process to end by itself


@dataclass
class _Child:
    """One process and what it said of the present target."""

    process: Any
    pipe: Connection
    started: TargetStarted | None = None
    waiting: list[Event] = field(default_factory=list)
    result: RunResult | None = None


@dataclass
class _Gathered:
    """What is known of one target, however the run ends."""

    text: str
    name: str
    operators: tuple[str, ...] = ()
    verdicts: list[Verdict] = field(default_factory=list)


def run_parallel(
    request: Request, book: Book, listeners: Sequence[Listener], jobs: int
) -> RunResult:
    """As `Runner.run`, on `jobs` processes. Raises ConformError as it does.

    An interrupt ends the processes, keeps what was done and marks the result incomplete.
    """
    if jobs < 1:
        raise ValueError(f"jobs={jobs}: expected at least 1")
    begun = time.monotonic()
    chosen = selection(book, request)
    order = {law.id: number for number, law in enumerate(chosen)}
    _tell(listeners, RunStarted(request.targets, request.seed, request.profile.name))
    results: list[TargetResult] = []
    complete = True
    with _processes(book, jobs) as children:
        for text in request.targets:
            gathered = _Gathered(text, text)
            try:
                _one_target(request, text, children, listeners, gathered)
            except KeyboardInterrupt:
                complete = False
                _interrupt(children, gathered)
            results.append(_joined(gathered, children, order))
            if not complete:
                break
    result = RunResult(
        Runner(replace(request, out=None), book, ())._environment(),
        request.seed,
        request.profile.name,
        request.level,
        complete,
        tuple(results),
        property_infos(book, chosen),
        time.monotonic() - begun,
        request.command,
    )
    _tell(listeners, RunFinished(result))
    return result


def _tell(listeners: Sequence[Listener], event: Event) -> None:
    for listener in listeners:
        listener(event)


# -- this side ---------------------------------------------------------------------------------


@contextlib.contextmanager
def _processes(book: Book, jobs: int) -> Any:
    """`jobs` waiting processes, ended at the end however that comes about."""
    context = multiprocessing.get_context("spawn")
    packed = pickle.dumps(book)
    children = []
    try:
        for _ in range(jobs):
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(there, packed), daemon=False)
            process.start()
            there.close()
            children.append(_Child(process, here))
        yield children
    except BaseException:
        for child in children:
            child.process.terminate()
        raise
    finally:
        _end(children)


def _end(children: Sequence[_Child]) -> None:
    for child in children:
        with contextlib.suppress(OSError):
            child.pipe.send(None)
        child.pipe.close()
    deadline = time.monotonic() + PATIENCE
    for child in children:
        child.process.join(max(0.0, deadline - time.monotonic()))
        if child.process.is_alive():
            child.process.terminate()
            child.process.join(PATIENCE)
        if child.process.is_alive():
            child.process.kill()
            child.process.join()


def _one_target(
    request: Request,
    text: str,
    children: Sequence[_Child],
    listeners: Sequence[Listener],
    gathered: _Gathered,
) -> None:
    """One target on all processes; `gathered` is filled as verdicts come in."""
    begun = time.monotonic()
    for number, child in enumerate(children):
        child.started, child.waiting, child.result = None, [], None
        part = (number + 1, len(children))
        # A process that is no more is noticed when its answer is awaited.
        with contextlib.suppress(OSError):
            child.pipe.send((replace(request, targets=(text,), part=part), number))
    announced = False
    while any(child.result is None for child in children):
        open_pipes = {child.pipe: child for child in children if child.result is None}
        for pipe in wait(list(open_pipes)):
            child = open_pipes[pipe]  # type: ignore[index]
            _receive(child, gathered)
        if not announced and all(child.started for child in children):
            announced = True
            _tell(listeners, _announcement(children, gathered))
        if announced:
            for child in children:
                for event in child.waiting:
                    _tell(listeners, event)
                child.waiting = []
    _tell(listeners, TargetFinished(gathered.name, time.monotonic() - begun))


def _receive(child: _Child, gathered: _Gathered) -> None:
    try:
        kind, content = child.pipe.recv()
    except (EOFError, OSError):
        child.process.join(1.0)
        raise ConformError(
            "job-died",
            f"a process of the run ended (exit status "
            f"{child.process.exitcode}) while it checked {gathered.text}",
            hint="run with --jobs 1, or with less to hold in memory",
        ) from None
    if kind == "error":
        raise ConformError.from_json(content)
    if kind == "fault":
        raise RuntimeError(f"a process of the run failed:\n{content}")
    if kind == "result":
        child.result = content
    elif isinstance(content, TargetStarted):
        child.started = content
    else:
        child.waiting.append(content)
        if isinstance(content, VerdictReached):
            gathered.verdicts.append(content.verdict)


def _announcement(children: Sequence[_Child], gathered: _Gathered) -> TargetStarted:
    starts = [child.started for child in children if child.started is not None]
    gathered.name = starts[0].target
    gathered.operators = tuple(dict.fromkeys(name for s in starts for name in s.operators))
    return TargetStarted(gathered.name, gathered.operators, sum(s.planned for s in starts))


def _interrupt(children: Sequence[_Child], gathered: _Gathered) -> None:
    """Have every process stop where it is, and take what it still says."""
    for child in children:
        child.process.terminate()
    deadline = time.monotonic() + PATIENCE
    for child in children:
        with contextlib.suppress(ConformError, RuntimeError, OSError):
            while child.result is None and child.pipe.poll(max(0.0, deadline - time.monotonic())):
                _receive(child, gathered)


def _joined(gathered: _Gathered, children: Sequence[_Child], order: dict[str, int]) -> TargetResult:
    """Verdicts in the order of the specs, as one process would give them."""
    parts = [
        child.result.targets[0]
        for child in children
        if child.result is not None and child.result.targets
    ]
    verdicts = tuple(sorted(gathered.verdicts, key=lambda v: order.get(v.property, len(order))))
    named = {name for part in parts for name in part.operators} | set(gathered.operators)
    ranks = {identifier.split(".", 1)[0]: rank for identifier, rank in reversed(order.items())}
    operators = tuple(sorted(named, key=lambda name: ranks.get(name, len(order))))
    declared = next((part.declared for part in parts if part.declared), {})
    missing = next((part.not_claimed for part in parts if part.not_claimed), ())
    name = parts[0].name if parts else gathered.name
    return TargetResult(name, gathered.text, operators, verdicts, declared, missing)


# -- the other side ----------------------------------------------------------------------------


def _serve(pipe: Connection, packed: bytes) -> None:
    """Run requests until None comes. Ctrl-C is the parent's business; it sends SIGTERM."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import torch

    torch.set_num_threads(1)
    book = pickle.loads(packed)
    try:
        while (task := pipe.recv()) is not None:
            _run(pipe, book, *task)
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return


def _run(pipe: Connection, book: Book, request: Request, number: int) -> None:
    def forward(event: Event) -> None:
        if not isinstance(event, (RunStarted, RunFinished, TargetFinished)):
            pipe.send(("event", event))

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # raises KeyboardInterrupt
    try:
        runner = Runner(request, book, [forward])
        if runner.current is not None:
            runner.current = runner.current.with_name(f"current-case-{number}.json")
        pipe.send(("result", runner.run()))
    except ConformError as error:
        pipe.send(("error", error.to_json()))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        raise
    except Exception:  # noqa: BLE001 - the parent raises it again
        pipe.send(("fault", traceback.format_exc()))
