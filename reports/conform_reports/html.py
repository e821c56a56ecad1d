"""One self-contained HTML file: verdict first, failures open, then every law with its evidence."""

from __future__ import annotations

import re
from pathlib import Path

from jinja2 import Environment

from conform import wording
from conform.failure_text import source_words
from conform.records import Outcome, RunResult
from conform_reports import view
from conform_reports.pages import environment


def write(result: RunResult, path: Path) -> None:
    """Write the page for `result` to `path`; folders that are missing are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(result), encoding="utf-8")


def render(result: RunResult) -> str:
    """The page as a string. It loads nothing: style and script are inside, all text is escaped."""
    page = _environment().get_template("report.html.j2")
    text = page.render(
        result=result,
        code=result.exit_code(),
        summary=[(Outcome(name), count) for name, count in result.summary().items()],
        failures=view.failures(result),
        operators=view.operators(result),
        incomplete=view.undecided(result, Outcome.INCOMPLETE),
        unsupported=view.undecided(result, Outcome.UNSUPPORTED),
        excused=view.undecided(result, Outcome.EXCUSED),
    )
    # A target's message may hold control characters, which HTML does not allow.
    return wording.printable(text)


def _environment() -> Environment:
    env = environment()
    env.filters["diagnosis"] = wording.diagnosis_sentence
    env.filters["source"] = source_words
    env.filters["anchor"] = anchor
    for function in (
        view.short_dtype,
        view.bar_width,
        view.remarks,
        view.ratio_text,
        view.declared,
    ):
        env.filters[function.__name__] = function
    env.globals["looks"] = wording.LOOKS
    env.globals["plural"] = wording.plural
    env.globals["sentence"] = wording.verdict_sentence
    env.globals["target_sentence"] = wording.target_sentence
    env.globals["exit_line"] = wording.exit_line
    return env


def anchor(name: str) -> str:
    """`name` as part of an id attribute."""
    return re.sub(r"[^\w.-]", "_", name)
