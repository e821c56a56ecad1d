"""The ledger as one self-contained page: every claim, where it stands, what checks it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from conform_reports.pages import environment

STATES = ("checked", "excluded", "not run", "missing")


def write(found: dict[str, Any], path: Path) -> None:
    """Write the page of a `conform-coverage/1` object to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(found), encoding="utf-8")


def render(found: dict[str, Any]) -> str:
    """The page as a string. It loads nothing; all text is escaped."""
    topics: dict[str, list[dict[str, Any]]] = {}
    for claim in found["claims"]:
        topics.setdefault(claim["topic"], []).append(claim)
    rows = [(name, claims, Counter(c["state"] for c in claims)) for name, claims in topics.items()]
    page = environment().get_template("coverage.html.j2")
    return page.render(found=found, topics=rows, states=STATES, total=len(found["claims"]))
