"""A Markdown summary, made for the page of a CI job or a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from conform.failure_text import failure_lines
from conform.records import RunResult
from conform.wording import LOOKS, exit_line, not_judged, plural, printable, verdict_sentence
from conform_reports.view import Cell, Failure, failures, operators


def write(result: RunResult, path: Path) -> None:
    """Write the summary of `result` to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(result), encoding="utf-8")


def render(result: RunResult) -> str:
    """Sentence, counts, failures, matrix; all text from targets and specs is escaped."""
    found = failures(result)
    blocks = [f"## {_escape(verdict_sentence(result))}", _counts(result), _facts(result)]
    if found:
        blocks.append("### Failures")
        blocks += [_failure(result, failure) for failure in found]
    blocks += ["### Matrix", _matrix(result), _not_claimed(result)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _counts(result: RunResult) -> str:
    shown = [
        f"{look.sign} {result.summary()[outcome]} {outcome}"
        for outcome, look in LOOKS.items()
        if result.summary()[outcome]
    ]
    return " · ".join(shown) or "no verdicts"


def _facts(result: RunResult) -> str:
    unsupported, claims = not_judged(result)
    facts = [f"{name} {value}" for name, value in result.environment.items()]
    line = ", ".join([f"profile {result.profile}", f"seed {result.seed}", *facts])
    skipped = f"Not judged: {unsupported} unsupported, {plural(claims, 'item')} not claimed. "
    parted = "" if result.complete else "**This run was stopped early; this is a part of it.** "
    return parted + _escape(f"{skipped}{exit_line(result).capitalize()}. {line}.")


def _failure(result: RunResult, failure: Failure) -> str:
    first, *others = failure.verdicts
    head, *rest = failure_lines(failure.target, first, failure.info, result.level)
    also = f"  also in:   {', '.join(verdict.dtype for verdict in others)}"
    body = printable("\n".join([*rest, also] if others else rest))
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", body)), default=0))
    return f"**{_escape(head)}**\n\n{fence}text\n{body}\n{fence}"


def _matrix(result: RunResult) -> str:
    rows = [["operator", *(target.name for target in result.targets)]]
    rows += [[op.name, *(_cell(cell) for _, cell in op.cells)] for op in operators(result)]
    lines = ["| " + " | ".join(_escape(text) for text in row) + " |" for row in rows]
    return "\n".join([lines[0], "| --- " * len(rows[0]) + "|", *lines[1:]])


def _cell(cell: Cell) -> str:
    return (
        " ".join(f"{LOOKS[outcome].sign} {count}" for outcome, count in cell.counts)
        or "not claimed"
    )


def _not_claimed(result: RunResult) -> str:
    return "\n\n".join(
        _details(f"Not claimed by {target.name}: {len(target.not_claimed)}", target.not_claimed)
        for target in result.targets
        if target.not_claimed
    )


def _details(title: str, items: Iterable[str]) -> str:
    lines = "\n".join(f"- {_escape(item)}" for item in items)
    return f"<details><summary>{_escape(title)}</summary>\n\n{lines}\n\n</details>"


def _escape(text: str) -> str:
    """`text` on one line, without any meaning in Markdown or HTML."""
    text = " ".join(printable(text).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_|\[\]#~])", r"\\\1", text)
