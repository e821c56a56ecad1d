"""`conform run`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from conform.errors import ConformError
from conform.events import Event, Listener, RunFinished, VerdictReached
from conform.nearest import nearest
from conform.records import ExitCode, Level, Outcome, RunResult, Verdict

DTYPES = ("float64", "float32", "bfloat16", "float16")


@dataclass(frozen=True)
class RunOptions:
    """The command line of `conform run`, unchecked."""

    targets: tuple[str, ...]
    operators: tuple[str, ...]
    properties: tuple[str, ...]
    level: str
    profile: str
    dtypes: tuple[str, ...]
    device: str
    seed: int
    jobs: int
    timeout: float
    shard: str
    out: Path | None
    files: dict[str, Path]
    baseline: Path | None
    resume: bool
    fail_fast: bool
    quiet: bool
    verbose: bool


def one_of(what: str, value: str, allowed: Sequence[str]) -> str:
    """`value` if allowed; ConformError with the nearest right one otherwise."""
    if value not in allowed:
        raise ConformError(
            f"unknown-{what}",
            f"{what}={value!r} is not known{nearest(value, allowed)}",
            hint=f"use one of {', '.join(allowed)}",
        )
    return value


def run_command(options: RunOptions) -> int:
    """Run, write the files, return the exit code."""
    from conform.run.profiles import PROFILES

    level = Level(one_of("level", options.level, [str(x) for x in Level]))
    one_of("profile", options.profile, list(PROFILES))
    for dtype in options.dtypes:
        one_of("dtype", dtype, DTYPES)
    if options.device:
        one_of("device", options.device, ("cpu", "cuda"))
    shard = _shard(options.shard)
    if options.resume and options.out is None:
        raise ConformError("resume-needs-out", "--resume needs the --out folder of the earlier run")
    if not options.timeout > 0 or options.jobs < 1:
        raise ConformError(
            "wrong-number", f"timeout={options.timeout}, jobs={options.jobs}: both must be positive"
        )
    known = accepted(options.baseline)
    result = _run(options, level, shard, known)
    if known:
        result = excused(result, known)
    write_files(result, options.files)
    return int(result.exit_code())


def _shard(text: str) -> tuple[int, int]:
    try:
        index, count = (int(part) for part in text.split("/"))
    except ValueError:
        index, count = 0, 0
    if not 1 <= index <= count:
        raise ConformError(
            "wrong-shard", f"shard={text!r}", hint="write I/N with 1 <= I <= N, e.g. 2/4"
        )
    return index, count


def _run(options: RunOptions, level: Level, shard: tuple[int, int], known: Known) -> RunResult:
    import torch

    from conform.run.preflight import check_targets
    from conform.run.profiles import PROFILES
    from conform.run.runner import Request, Runner, selection
    from conform.spec.book import built_in

    book = built_in()
    out = options.out
    request = Request(
        options.targets,
        PROFILES[options.profile],
        options.operators,
        options.properties,
        level,
        options.dtypes,
        options.device,
        options.seed,
        options.timeout,
        shard,
        out,
        "conform " + " ".join(sys.argv[1:]),
        _earlier(options),
    )
    chosen = selection(book, request)
    if len(request.targets) > 1:
        check_targets(request, book, chosen)
    torch.set_num_threads(1)
    told = _listeners(options, level, book, chosen)
    heard = [*told, stopping_at(level)] if options.fail_fast else told
    listeners = [_excusing(listener, known) for listener in heard] if known else heard
    try:
        if options.jobs > 1:
            from conform.run.parallel import run_parallel

            return run_parallel(request, book, listeners, options.jobs)
        return Runner(request, book, listeners).run()
    finally:
        for listener in told:
            getattr(listener, "close", lambda: None)()


def _listeners(options: RunOptions, level: Level, book: Any, chosen: Any) -> list[Listener]:
    from conform.jsonl import JsonlListener
    from conform.run.runner import property_infos
    from conform.terminal import TerminalListener, Verbosity

    words = (
        Verbosity.QUIET
        if options.quiet
        else (Verbosity.VERBOSE if options.verbose else Verbosity.NORMAL)
    )
    listeners: list[Listener] = [
        TerminalListener(property_infos(book, chosen), level=level, verbosity=words)
    ]
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        listeners.append(JsonlListener(options.out / "events.jsonl", resume=options.resume))
    return listeners


def stopping_at(level: Level) -> Listener:
    """A listener that ends the run at the first violation that gates at `level`, as Ctrl-C does."""

    def tell(event: Event) -> None:
        if isinstance(event, VerdictReached):
            verdict = event.verdict
            if verdict.outcome.violated and verdict.level.rank <= level.rank:
                raise KeyboardInterrupt

    return tell


def _earlier(options: RunOptions) -> dict[tuple[str, str, str], Verdict]:
    if not options.resume or options.out is None:
        return {}
    from conform.jsonl import read_stream

    path = options.out / "events.jsonl"
    if not path.exists():
        raise ConformError(
            "nothing-to-resume",
            f"{path} is not there",
            hint="run once with --out, without --resume",
        )
    stream = read_stream(path)
    return {
        (target, v.property, v.dtype): v
        for target, verdicts in stream.verdicts.items()
        for v in verdicts
    }


Known = frozenset[tuple[str, str, str]]


def accepted(path: Path | None) -> Known:
    """The (target, property, dtype) that a baseline has as violated."""
    from conform.commands.results import read_or_explain

    if path is None:
        return frozenset()
    return frozenset(
        (t.name, v.property, v.dtype)
        for t in read_or_explain(path).targets
        for v in t.verdicts
        if v.outcome.violated or v.outcome is Outcome.EXCUSED
    )


def excused_verdict(target: str, verdict: Verdict, known: Known) -> Verdict:
    """A violation that the baseline has as well becomes `excused`."""
    if verdict.outcome.violated and (target, verdict.property, verdict.dtype) in known:
        return replace(verdict, outcome=Outcome.EXCUSED, reason="in the baseline")
    return verdict


def excused(result: RunResult, known: Known) -> RunResult:
    """The result with the baseline's violations excused."""
    targets = tuple(
        replace(t, verdicts=tuple(excused_verdict(t.name, v, known) for v in t.verdicts))
        for t in result.targets
    )
    return replace(result, targets=targets)


def _excusing(listener: Listener, known: Known) -> Listener:
    """A listener that is told of excused verdicts as such."""

    def tell(event: Event) -> None:
        if isinstance(event, VerdictReached):
            event = replace(event, verdict=excused_verdict(event.target, event.verdict, known))
        elif isinstance(event, RunFinished):
            event = replace(event, result=excused(event.result, known))
        listener(event)

    return tell


def write_files(result: RunResult, files: dict[str, Path]) -> None:
    """Write the result in every format asked for; a file is complete or not there."""
    from conform.writers import find_writer

    for kind, path in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "json":
            part = path.with_suffix(path.suffix + ".part")
            part.write_text(json.dumps(result.as_json(), indent=1, allow_nan=False))
            part.replace(path)
        else:
            find_writer(kind)(result, path)


__all__ = ["ExitCode", "RunOptions", "run_command"]
