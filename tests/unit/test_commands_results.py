"""`conform merge` and `conform compare`."""

import json
from pathlib import Path
from typing import Any

import pytest

from conform.commands.baseline import baseline_command
from conform.commands.results import compare_command, comparison, merge_command, merged
from conform.commands.run import accepted, excused
from conform.errors import ConformError
from conform.reading import read_result
from conform.records import (
    ExitCode,
    Level,
    Outcome,
    PropertyInfo,
    RunResult,
    TargetResult,
    Verdict,
)


def result(
    target: str = "mine", seed: int = 0, complete: bool = True, **verdicts: str
) -> RunResult:
    """A run of one target; keywords name an operator and its outcome."""
    made = tuple(
        Verdict(f"{name}.law", name, Level.MUST, "float32", "cpu", Outcome(outcome), cases=3)
        for name, outcome in verdicts.items()
    )
    infos = tuple(
        PropertyInfo(f"{name}.law", name, "must", "Holds.", "x == x") for name in verdicts
    )
    return RunResult(
        {"torch": "2", "threads": 1}, seed, "quick", Level.MUST, complete,
        (TargetResult(target, target, tuple(verdicts), made, {}, ("rope",)),), infos, 1.5,
    )  # fmt: skip


def write(path: Path, content: RunResult) -> Path:
    path.write_text(json.dumps(content.as_json()))
    return path


def test_merge_joins_shards(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = write(tmp_path / "1.json", result(gelu="pass"))
    second = write(tmp_path / "2.json", result(swish="fail"))
    assert merge_command([first, second], tmp_path / "all.json") == 1
    joined = read_result(tmp_path / "all.json")
    assert [t.name for t in joined.targets] == ["mine"]
    assert joined.targets[0].operators == ("gelu", "swish")
    assert [v.property for v in joined.targets[0].verdicts] == ["gelu.law", "swish.law"]
    assert joined.seconds == 3.0
    assert "1 pass, 1 fail" in capsys.readouterr().out


def test_merge_keeps_targets_apart_and_incompleteness() -> None:
    joined = merged(
        [result("a", gelu="pass"), result("b", complete=False, gelu="pass")], ["1", "2"]
    )
    assert [t.name for t in joined.targets] == ["a", "b"]
    assert not joined.complete
    assert joined.exit_code() == 130


def test_merge_refuses_runs_that_differ() -> None:
    with pytest.raises(ConformError, match="seed=1 in 2, but 0 in 1"):
        merged([result(gelu="pass"), result(seed=1, swish="pass")], ["1", "2"])
    with pytest.raises(ConformError, match=r"gelu\.law in float32 is pass in one result and fail"):
        merged([result(gelu="pass"), result(gelu="fail")], ["1", "2"])
    with pytest.raises(ConformError, match="no result is given"):
        merged([], [])


def test_merge_refuses_other_files(tmp_path: Path) -> None:
    with pytest.raises(ConformError, match="cannot be read"):
        merge_command([tmp_path / "none.json"])
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ConformError, match="no result of schema"):
        merge_command([tmp_path / "other.json"])


@pytest.mark.parametrize(
    ("old", "new", "code", "group"),
    [
        ("pass", "fail", 1, "broken"),
        ("pass", "crash", 1, "broken"),
        ("fail", "pass", 0, "mended"),
        ("excused", "pass", 0, "mended"),
        ("unsupported", "fail", 0, "new_violations"),
        ("pass", "incomplete", 0, "undecided"),
        ("fail", "error", 0, "same"),
        ("pass", "pass", 0, "same"),
    ],
)
def test_compare(
    old: str, new: str, code: int, group: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = result(gelu=old), result(gelu=new)
    found: Any = getattr(comparison(before, after), group)
    assert found == 1 if group == "same" else len(found) == 1
    files = write(tmp_path / "1.json", before), write(tmp_path / "2.json", after)
    assert compare_command(*files) == code
    assert ("gelu.law" in capsys.readouterr().out) == (group != "same")


def test_compare_single_targets_of_other_names_and_what_is_gone() -> None:
    found = comparison(result("old", gelu="pass", swish="pass"), result("new", gelu="fail"))
    assert [key for key, _ in found.broken] == [("new", "gelu.law", "float32")]
    assert found.gone == (("new", "swish.law", "float32"),)


def test_compare_needs_something_in_common() -> None:
    with pytest.raises(ConformError, match="no verdict in common"):
        comparison(result(gelu="pass"), result(swish="pass"))


def test_a_baseline_keeps_the_violations_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = write(tmp_path / "r.json", result(gelu="pass", swish="fail"))
    assert baseline_command(before, tmp_path / "base.json") == 0
    assert "1 of 2 verdicts accepted" in capsys.readouterr().out
    kept = read_result(tmp_path / "base.json")
    assert [v.property for t in kept.targets for v in t.verdicts] == ["swish.law"]


def test_what_the_baseline_has_is_excused_and_the_rest_is_not(tmp_path: Path) -> None:
    known = accepted(write(tmp_path / "base.json", result(swish="fail")))
    changed = excused(result(gelu="fail", swish="fail"), known)
    assert [v.outcome.value for t in changed.targets for v in t.verdicts] == ["fail", "excused"]
    assert changed.exit_code() is ExitCode.VIOLATED
    assert excused(result(swish="fail"), known).exit_code() is ExitCode.CONFORMS
