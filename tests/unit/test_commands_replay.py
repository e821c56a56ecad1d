"""`conform replay`: the recorded case, and the standalone script made of it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from conform.commands.replay import replay_command
from conform.commands.snippet import _literal
from conform.draw.structure import draw_cases
from conform.errors import ConformError
from conform.spec.book import built_in

RIGHT = "return x * (slope * x).sigmoid()"
WRONG = "return x * (slope * x).sigmoid() + 1"
TARGET = """
CONFORM = {{"dtypes": ["float32"], "operators": {{"swish": {{"options": {{"beta": "slope"}}}}}}}}


def swish(x, *, slope=1.0):
    {body}
"""


def write_target(folder: Path, body: str) -> Path:
    path = folder / "recorded_target.py"
    path.write_text(TARGET.format(body=body))
    return path


def write_case(folder: Path, target: Path, law: str = "agrees-with-reference") -> Path:
    drawn = next(
        d for d in draw_cases(built_in().operator("swish").spec, 20, 0)
        if d.case.options["beta"] != 1.0 and d.case.regime == "normal"
    )  # fmt: skip
    content: dict[str, Any] = {
        "format": "conform-failure/1", "target": str(target), "property": f"swish.{law}",
        "operator": "swish", "dtype": "float32", "device": "cpu", "case": drawn.case.as_json(),
        "message": "swish disagrees", "seed": 0, "versions": {"torch": "0.0"},
    }  # fmt: skip
    path = folder / "case.json"
    path.write_text(json.dumps(content))
    return path


def test_still_fails_then_fixed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = write_target(tmp_path, WRONG)
    case = write_case(tmp_path, target)
    assert replay_command(case) == 1
    out = capsys.readouterr().out
    assert "still fails: swish disagrees with the reference at" in out
    assert "x: float32[" in out
    assert "recorded with torch 0.0" in out
    write_target(tmp_path, RIGHT)
    assert replay_command(case) == 0
    assert "fixed: the law holds" in capsys.readouterr().out


def test_another_target_may_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = write_case(tmp_path, write_target(tmp_path, WRONG))
    assert replay_command(case, "reference") == 0
    assert "on reference, float32" in capsys.readouterr().out


def test_a_target_that_lacks_an_option_is_not_asked_an_easier_case(tmp_path: Path) -> None:
    case = write_case(tmp_path, write_target(tmp_path, WRONG))
    plain = tmp_path / "plain_target.py"
    plain.write_text("def swish(x):\n    return x * x.sigmoid()\n")
    with pytest.raises(ConformError, match="does not claim swish's option 'beta'"):
        replay_command(case, str(plain))


@pytest.mark.parametrize(
    "law", ["agrees-with-reference", "gradient-agrees", "hygiene.gradients-apart"]
)
def test_snippet_runs_without_conform(
    law: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = write_case(tmp_path, write_target(tmp_path, WRONG), law)
    assert replay_command(case, snippet=True) == 0
    script = capsys.readouterr().out
    assert "conform." not in script.split('"""', 2)[2]
    path = tmp_path / "snippet.py"
    path.write_text(script)
    done = subprocess.run([sys.executable, "-I", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    errors = [float(x.split()[-1]) for x in done.stdout.splitlines() if "largest error" in x]
    assert len(errors) == (1 if law == "agrees-with-reference" else 2)
    assert errors[0] == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64, torch.bool])
@pytest.mark.parametrize("shape", [(), (3,), (0, 2), (7, 41)])
def test_literals_are_exact(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    value = (torch.randn(shape, generator=torch.Generator().manual_seed(1)) * 3).to(dtype)
    if dtype.is_floating_point and value.numel() > 2:
        value.view(-1)[:2] = torch.tensor([float("nan"), float("-inf")])
    import base64
    from math import inf, nan

    def from_bytes(kind: torch.dtype, text: str) -> torch.Tensor:
        return torch.frombuffer(bytearray(base64.b64decode("".join(text.split()))), dtype=kind)

    names = {"torch": torch, "inf": inf, "nan": nan, "from_bytes": from_bytes}
    again = eval(_literal(value), names)
    assert again.dtype == dtype
    assert torch.equal(torch.nan_to_num(again), torch.nan_to_num(value))
    assert again.shape == value.shape


def spoil(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "conform-failure/9"}, "conform-failure/9"),
        ({"property": "swish.agrees-with-refrence"}, "did you mean"),
        ({"case": {"format": "other"}}, "conform-case/1"),
        ({"case": None}, "no recorded failure"),
    ],
)
def test_refuses_other_files(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    case = write_case(tmp_path, tmp_path / "none.py")
    spoil(case, **changes)
    with pytest.raises(ConformError, match=message):
        replay_command(case)


def test_refuses_a_missing_file_and_a_wrong_timeout(tmp_path: Path) -> None:
    with pytest.raises(ConformError, match="there is no file"):
        replay_command(tmp_path / "none.json")
    with pytest.raises(ConformError, match="is a folder"):
        replay_command(tmp_path)
    with pytest.raises(ConformError, match="timeout=0"):
        replay_command(tmp_path / "none.json", timeout=0)
