"""What a person and a log see of a run: text snapshots of every shape of output."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import samples
from rich.console import Console

from conform.events import (
    Note,
    PropertyStarted,
    RunFinished,
    RunStarted,
    TargetFinished,
    TargetStarted,
    VerdictReached,
)
from conform.records import RunResult
from conform.terminal import TerminalListener, Verbosity

SNAPSHOTS = Path(__file__).parent / "snapshots"


def play(result: RunResult, verbosity: Verbosity, *, terminal: bool = False) -> str:
    """The text of a whole run."""
    file = io.StringIO()
    console = Console(
        file=file, force_terminal=terminal, width=100, highlight=False, markup=False, emoji=False
    )
    show = TerminalListener(result.properties, verbosity=verbosity, console=console)
    planned = {target.name: len(target.verdicts) for target in result.targets}
    show(RunStarted(tuple(planned), result.seed, result.profile))
    for target in result.targets:
        show(TargetStarted(target.name, target.operators, planned[target.name]))
        for verdict in target.verdicts:
            show(PropertyStarted(target.name, verdict.property, verdict.dtype))
            show(VerdictReached(target.name, verdict))
        show(Note(target.name, "the worker was restarted"))
        show(TargetFinished(target.name, 1.25))
    show(RunFinished(result))
    return file.getvalue()


@pytest.mark.parametrize("verbosity", list(Verbosity))
def test_output_is_as_in_the_snapshot(verbosity: Verbosity) -> None:
    shown = play(samples.run(samples.mykernel()), verbosity)
    path = SNAPSHOTS / f"terminal-{verbosity.name.lower()}.txt"
    assert shown == path.read_text(encoding="utf-8")


def test_a_passing_run_ends_with_its_sentence() -> None:
    shown = play(samples.run(samples.passing_target()), Verbosity.NORMAL)
    last = shown.splitlines()[-3:]
    assert last[0] == "reference conforms: none of 4 laws at level must or above is violated."
    assert last[2].startswith("exit code 0: conforms")


def test_hostile_text_sends_no_escape_codes() -> None:
    shown = play(samples.nasty_run(), Verbosity.VERBOSE)
    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_nothing_is_redrawn_with_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    shown = play(samples.run(samples.passing_target()), Verbosity.NORMAL, terminal=True)
    assert "attention.causal-no-future" not in shown
    assert "\x1b[?25l" not in shown


def test_a_terminal_shows_progress_and_gets_its_cursor_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    shown = play(samples.run(samples.passing_target()), Verbosity.NORMAL, terminal=True)
    assert "\x1b[?25l" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
