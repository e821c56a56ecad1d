"""Failures that hang on earlier calls: what has to come before is recorded, and replayed."""

import json
from pathlib import Path

from typer.testing import CliRunner

from conform.cli import app

REMEMBERS = """
SLOPES = {}


def swish(x, *, beta=1.0):
    return x * (SLOPES.setdefault(x.dtype, beta) * x).sigmoid()
"""
RIGHT = """
def swish(x, *, beta=1.0):
    return x * (beta * x).sigmoid()
"""
LATE = """
CALLS = []


def swish(x, *, beta=1.0):
    CALLS.append(1)
    return x * (beta * x).sigmoid() + (len(CALLS) == 12)
"""
WRONG = """
def swish(x, *, beta=1.0):
    return x * (beta * x).sigmoid() + 1
"""
HEAD = 'CONFORM = {"dtypes": ["float32"]}\n'


def run(folder: Path, body: str) -> Path:
    """The case file of a run in which the target is refuted."""
    target = folder / "kept_target.py"
    target.write_text(HEAD + body)
    law = "swish.agrees-with-reference"
    asked = ["run", "--target", str(target), "--property", law, "--profile", "quick"]
    done = CliRunner().invoke(app, [*asked, "--out", str(folder / "out"), "--quiet"])
    assert done.exit_code == 1, done.output
    (case,) = (folder / "out" / "cases").iterdir()
    return case


def replay(case: Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["replay", str(case)])
    return done.exit_code, done.output


def test_the_call_before_is_replayed_too(tmp_path: Path) -> None:
    case = run(tmp_path, REMEMBERS)
    content = json.loads(case.read_text())
    before = content["after"]["case"]["options"]["beta"]
    assert before != content["case"]["options"]["beta"]
    code, words = replay(case)
    assert code == 1
    assert "only after another call in the same process, with\n" in words
    assert f"beta={before}" in words
    (tmp_path / "kept_target.py").write_text(HEAD + RIGHT)
    assert replay(case)[0] == 0


def test_what_holds_alone_is_not_called_fixed(tmp_path: Path) -> None:
    case = run(tmp_path, LATE)
    assert json.loads(case.read_text())["alone"] is False
    code, words = replay(case)
    assert code == 3
    assert "not decided: the law holds here" in words
    assert "fixed" not in words


def test_a_failure_of_its_own_comes_after_nothing(tmp_path: Path) -> None:
    content = json.loads(run(tmp_path, WRONG).read_text())
    assert "after" not in content
    assert "alone" not in content
