"""`conform smoke` and `conform init`."""

import subprocess
import sys
from pathlib import Path

import pytest

from conform.commands.targets import init_command, plain_case, smoke_command
from conform.errors import ConformError
from conform.spec.book import built_in
from conform.target.claims import OperatorClaim
from conform.target.limits import Limit

SWISH = """
CONFORM = {{"name": "small", "dtypes": ["float32"]}}


def swish(x, *, beta=1.0):
    {body}
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small_target.py"
    path.write_text(SWISH.format(body="return x * (beta * x).sigmoid()"))
    return path


def test_smoke_calls_each_operator(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert smoke_command(str(small)) == 0
    out = capsys.readouterr().out
    assert "small on cpu: float32" in out
    assert "ok   swish: returned float32[" in out
    assert "conform run --target" in out


def test_smoke_reports_an_operator_that_raises(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "raising_target.py"
    path.write_text(SWISH.format(body="raise IndexError('no such thing')"))
    assert smoke_command(str(path)) == 1
    out = capsys.readouterr().out
    assert "FAIL swish: raised IndexError: no such thing" in out
    assert "1 of 1 operators did not answer: swish" in out


def test_smoke_refuses_an_unknown_target() -> None:
    with pytest.raises(ConformError, match="no target 'refrence'"):
        smoke_command("refrence")


def test_plain_case_keeps_to_the_claim() -> None:
    operator = built_in().operator("attention")
    claim = OperatorClaim(
        "attention", "attention", frozenset({"causal"}), requires=("Lq == Lk",),
        limits={"D": Limit(values=(64,))},
    )  # fmt: skip
    case = plain_case(operator, claim)
    assert case is not None
    assert case.dims["D"] == 64
    assert case.dims["Lq"] == case.dims["Lk"]
    assert case.regime == "normal"
    assert case.options["causal"] is False


def test_init_writes_a_module_that_can_be_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    init_command("mine", ("attention", "rms_norm"))
    assert "conform smoke mine.py" in capsys.readouterr().out
    code = "import mine; mine.attention, mine.rms_norm"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


def test_init_does_not_overwrite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text("precious")
    with pytest.raises(ConformError, match=r"mine\.py is there already"):
        init_command("mine.py", ("attention",))
    assert Path("mine.py").read_text() == "precious"


@pytest.mark.parametrize(
    ("name", "operator", "message"),
    [("my-target", "attention", "cannot be a Python module"), ("mine", "attenton", "did you mean")],
)
def test_init_refuses(
    name: str, operator: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConformError, match=message):
        init_command(name, (operator,))
    assert not list(tmp_path.iterdir())
