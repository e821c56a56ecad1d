"""The run at a terminal: live progress for a person, plain and quiet lines for a log."""

from __future__ import annotations

import os
from collections import Counter
from enum import IntEnum

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from conform.events import (
    Event,
    Note,
    PropertyStarted,
    RunFinished,
    RunStarted,
    TargetFinished,
    TargetStarted,
    VerdictReached,
)
from conform.failure_text import failure_lines, repeat_line
from conform.records import ExitCode, Level, Outcome, PropertyInfo, RunResult, Verdict
from conform.wording import (
    LOOKS,
    exit_line,
    not_judged,
    plural,
    printable,
    ratio_words,
    verdict_sentence,
)


class Verbosity(IntEnum):
    """`-q`: one line a failure and the closing sentence; `-v`: also a line for every verdict."""

    QUIET = 0
    NORMAL = 1
    VERBOSE = 2


class TerminalListener:
    """Prints a run; give it the properties beforehand, so that failures can state their law.

    Live progress is drawn only on a terminal without NO_COLOR; elsewhere nothing is redrawn.
    """

    def __init__(
        self,
        properties: tuple[PropertyInfo, ...] = (),
        *,
        level: Level = Level.MUST,
        verbosity: Verbosity = Verbosity.NORMAL,
        console: Console | None = None,
    ) -> None:
        self.console = console or Console(highlight=False, markup=False, emoji=False)
        self.level = level
        self.verbosity = verbosity
        self._properties = {info.id: info for info in properties}
        self._live: Live | None = None
        self._counts: Counter[Outcome] = Counter()
        self._planned = 0
        self._shown: set[tuple[str, str]] = set()
        self._work = ""
        self._spinner = Spinner("dots")

    def __call__(self, event: Event) -> None:
        """Show one event."""
        match event:
            case RunStarted():
                self._start(event)
            case TargetStarted():
                operators = plural(len(event.operators), "operator")
                laws = plural(event.planned, "verdict")
                self._planned += event.planned
                self._say(f"{event.target}: {operators}, {laws} planned", style="bold")
            case PropertyStarted():
                self._work = f"{event.target}  {event.property}  {event.dtype}"
            case VerdictReached():
                self._verdict(event.target, event.verdict)
            case Note():
                self._say(f"{event.target}: note: {event.text}", style="yellow")
            case TargetFinished():
                self._say(f"{event.target}: finished in {event.seconds:.1f} s")
            case RunFinished():
                self._finish(event.result)

    def close(self) -> None:
        """Give the terminal back; the footer does it, and who breaks off a run must."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _start(self, event: RunStarted) -> None:
        targets = ", ".join(event.targets)
        self._say(f"conform: {targets}; profile {event.profile}, seed {event.seed}")
        interactive = self.console.is_terminal and "NO_COLOR" not in os.environ
        if interactive and self.verbosity > Verbosity.QUIET:
            self._live = Live(
                console=self.console,
                refresh_per_second=8,
                transient=True,
                get_renderable=self._panel,
            )
            self._live.start()

    def _verdict(self, target: str, verdict: Verdict) -> None:
        self._counts[verdict.outcome] += 1
        if verdict.outcome.violated:
            self._failure(target, verdict)
        elif self.verbosity is Verbosity.VERBOSE or (
            verdict.outcome is Outcome.INCOMPLETE and self.verbosity is Verbosity.NORMAL
        ):
            self._print(_verdict_line(target, verdict), LOOKS[verdict.outcome].colour)

    def _failure(self, target: str, verdict: Verdict) -> None:
        colour = LOOKS[verdict.outcome].colour
        if self.verbosity is Verbosity.QUIET:
            self._print(repeat_line(target, verdict, self.level), colour)
            return
        key = (target, verdict.property)
        if key in self._shown and self.verbosity is Verbosity.NORMAL:
            self._print("  also " + repeat_line(target, verdict, self.level), colour)
            return
        self._shown.add(key)
        info = self._properties.get(verdict.property)
        head, *rest = failure_lines(target, verdict, info, self.level)
        self._print("")
        self._print(head, f"bold {colour}")
        for line in rest:
            self._print(line, "bold" if line.startswith("  diagnosis:") else "")

    def _finish(self, result: RunResult) -> None:
        self.close()
        code = result.exit_code()
        if self.verbosity > Verbosity.QUIET:
            self._print("")
        good = code is ExitCode.CONFORMS
        self._print(verdict_sentence(result), "bold green" if good else "bold red")
        for line in summary_lines(result):
            self._print(line)

    def _say(self, text: str, style: str = "") -> None:
        if self.verbosity > Verbosity.QUIET:
            self._print(text, style)

    def _print(self, text: str, style: str = "") -> None:
        # Text, not markup, and never wrapped: a log keeps a replay command on one line.
        self.console.print(Text(printable(text), style=style), soft_wrap=True)

    def _panel(self) -> Group:
        done = sum(self._counts.values())
        row = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=max(self._planned, 1), completed=done, width=30)
        row.add_row(self._spinner, bar, f"{done}/{self._planned}", counts_text(self._counts))
        work = Text(printable(self._work), style="dim", no_wrap=True, overflow="ellipsis")
        return Group(row, work)


def counts_text(counts: Counter[Outcome]) -> Text:
    """`✓ 41 pass  ✗ 2 fail`, the outcomes that occurred."""
    text = Text()
    for outcome, look in LOOKS.items():
        if counts[outcome]:
            text.append(f"{look.sign} {counts[outcome]} {outcome}  ", style=look.colour)
    return text


def summary_lines(result: RunResult) -> list[str]:
    """Counts, what was not judged, and the exit code's meaning."""
    counts = [f"{number} {name}" for name, number in result.summary().items() if number]
    unsupported, claims = not_judged(result)
    lines = [f"verdicts: {', '.join(counts) or 'none'}"]
    if unsupported or claims:
        lines.append(f"not judged: {unsupported} unsupported, {plural(claims, 'item')} not claimed")
    if any(_raised(v) for target in result.targets for v in target.verdicts):
        lines.append(
            "hint: what raised was asked within the contract; what a target does not take it can "
            "declare in CONFORM (requires, limits, dtypes) or refuse with NotImplementedError"
        )
    if not result.complete:
        lines.append("stopped early: what the run did not reach is not judged")
    lines.append(f"{exit_line(result)} (seed {result.seed}, {result.seconds:.1f} s)")
    return lines


def _raised(verdict: Verdict) -> bool:
    example = verdict.counterexample
    if verdict.outcome is not Outcome.ERROR or example is None:
        return False
    return " raised " in example.message.split("\n")[0]


def _verdict_line(target: str, verdict: Verdict) -> str:
    ratio = (
        "" if verdict.worst_ratio is None else f", worst ratio {ratio_words(verdict.worst_ratio)}"
    )
    reason = f": {verdict.reason}" if verdict.reason else ""
    return (
        f"{LOOKS[verdict.outcome].sign} {verdict.outcome} {target} {verdict.property}"
        f" {verdict.dtype} ({plural(verdict.cases, 'case')}{ratio}){reason}"
    )
