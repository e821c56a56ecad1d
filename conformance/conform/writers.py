"""Writers turn a finished run into a file; found by the entry-point group `conform.writers`."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from conform.errors import ConformError

Writer = Callable[[Any, Path], None]  # of a RunResult, or of the ledger's table
GROUP = "conform.writers"


def find_writer(kind: str) -> Writer:
    """The writer for `kind`, such as html or junit; ConformError if none is installed."""
    found = {point.name: point for point in entry_points(group=GROUP)}
    if kind not in found:
        raise ConformError(
            "no-writer",
            f"no writer for {kind!r} is installed; found: {', '.join(sorted(found)) or 'none'}",
            hint="install the distribution transformer-conformance, which brings conform_reports",
        )
    writer: Writer = found[kind].load()
    return writer
