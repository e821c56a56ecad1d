"""The command line in this process: `conform(...)` gives exit code, both streams and the result."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from conform.cli import main

TESTS = Path(__file__).parents[1]
PROCESS = TESTS / "broken" / "process"
CHEAP = ("--profile", "quick", "--dtype", "float32")
GOOD_SOFTMAX = "def softmax(x):\n    return x.softmax(-1)\n"


@dataclass(frozen=True)
class Ended:
    """One run of the command line. `result` is the JSON result, None where none was written."""

    code: int
    out: str
    err: str
    result: dict[str, Any] | None

    def verdicts(self, **wanted: str) -> list[dict[str, Any]]:
        """All verdicts whose fields are as wanted."""
        if self.result is None:
            raise AssertionError(f"no result was written:\n{self.out}\n{self.err}")
        return [
            v
            for t in self.result["targets"]
            for v in t["verdicts"]
            if all(v[name] == value for name, value in wanted.items())
        ]


Conform = Callable[..., Ended]


def run_softmax(conform: Conform, target: str | Path, *more: str) -> Ended:
    """A cheap run of one operator."""
    return conform("run", "--target", str(target), "--operator", "softmax", *CHEAP, *more)


@pytest.fixture
def conform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Conform]:
    """`conform("run", "--target", ...)`; a JSON result is asked of every run."""
    number = 0
    threads = torch.get_num_threads()

    def call(*words: str) -> Ended:
        nonlocal number
        number += 1
        path = tmp_path / f"result-{number}.json"
        extra = ("--json", str(path)) if words[0] == "run" and "--json" not in words else ()
        monkeypatch.setattr("sys.argv", ["conform", *words, *extra])
        capfd.readouterr()
        with pytest.raises(SystemExit) as caught:
            main()
        streams = capfd.readouterr()
        code = caught.value.code
        result = json.loads(path.read_text()) if path.exists() else None
        return Ended(
            code if isinstance(code, int) else int(bool(code)), streams.out, streams.err, result
        )

    yield call
    torch.set_num_threads(threads)
