"""`conform calibrate`: false alarms and mutants."""

import json
from pathlib import Path

import pytest
import torch

from conform.commands.calibrate import calibrate_command
from conform.errors import ConformError
from conform.run import calibration
from conform.run.calibration import RESULT_MUTANTS, correct_functions, fewer_bits, measure
from conform.run.profiles import PROFILES
from conform.spec.book import built_in


def test_correct_runs_raise_no_alarm_and_mutants_are_noticed() -> None:
    found = measure(built_in(), PROFILES["quick"], "layer_norm", "bfloat16", 16)
    assert found.alarms == []
    assert found.calls == 16
    assert 0 < found.worst_ratio <= 1
    assert found.mutants["one element 4 bounds off"].noticed >= 3
    assert found.mutants["a row of zeros"].noticed >= 3
    assert sum(tried.noticed > 0 for tried in found.mistakes.values()) > 5


def test_integer_results_have_no_numeric_mutants() -> None:
    found = measure(built_in(), PROFILES["quick"], "causal_mask", "float32", 8)
    assert found.calls == 8
    assert found.mutants == {}


def test_the_variants_differ_in_half_precision() -> None:
    operator = built_in().operator("layer_norm")
    x = torch.randn(4, 33, generator=torch.Generator().manual_seed(0)).to(torch.bfloat16)
    gamma, beta = torch.linspace(0.5, 1.5, 33).bfloat16(), torch.linspace(-1, 1, 33).bfloat16()
    functions = correct_functions(operator, "bfloat16", frozenset({"normalised"}))
    made = {name: function(x, gamma, beta, eps=1e-5) for name, function in functions.items()}
    assert all(y.dtype == torch.bfloat16 for y in made.values())
    assert not torch.equal(made["in float32"], made["marks rounded"])


def test_mutants_do_what_they_say() -> None:
    x = torch.tensor([[1.0, -1.003, 0.3333], [0.0, 0.0, 0.0]], dtype=torch.float64)
    bound = torch.full_like(x, 0.01)
    one = RESULT_MUTANTS["one element 4 bounds off"](x, bound, torch.float32, 1)
    assert one is not None
    assert (one != x).sum() == 1
    assert (one - x).abs().max() == pytest.approx(0.04)
    cut = RESULT_MUTANTS["truncated, not rounded"](x, bound, torch.bfloat16, 1)
    assert cut is not None
    assert (cut.abs() <= x.abs()).all()
    assert torch.equal(cut.bfloat16().double(), cut)
    assert RESULT_MUTANTS["truncated, not rounded"](x, bound, torch.float32, 1) is None
    row = RESULT_MUTANTS["a row of zeros"](x, bound, torch.float32, 1)
    assert row is not None
    assert not row.any()
    dense = RESULT_MUTANTS["every element 2 ulps off"](x, bound, torch.bfloat16, 1)
    assert dense is not None
    assert (dense - x).abs()[0, 0] == pytest.approx(2 * 2.0**-7)


@pytest.mark.parametrize("name", RESULT_MUTANTS)
def test_mutants_take_results_in_any_memory_layout(name: str) -> None:
    x = torch.linspace(1.0, 2.0, 24, dtype=torch.float64).view(2, 3, 4).transpose(0, 1)
    made = RESULT_MUTANTS[name](x, torch.full_like(x, 0.01), torch.bfloat16, 1)
    assert made is not None
    assert made.shape == x.shape
    assert (made != x).any()


def test_nothing_has_no_row_of_zeros() -> None:
    none = torch.zeros(3, 0, dtype=torch.float64)
    assert RESULT_MUTANTS["a row of zeros"](none, none, torch.float32, 1) is None


def test_fewer_bits_keeps_what_is_no_number() -> None:
    x = torch.tensor([1.0 + 2**-10, float("inf"), float("nan"), 0.0])
    y = fewer_bits(x, torch.bfloat16)
    assert y[0] == 1.0
    assert torch.isinf(y[1])
    assert torch.isnan(y[2])
    assert fewer_bits(3, torch.bfloat16) == 3


def test_command_writes_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate_command(("swish",), 4, tmp_path) == 0
    content = json.loads((tmp_path / "table.json").read_text())
    assert content["schema"] == "conform-calibration/1"
    assert [row["dtype"] for row in content["rows"]] == ["float32", "bfloat16", "float16"]
    assert content["constants"]["alarm"] <= 1e-9
    assert "| swish | float32 | 4 | 0 |" in (tmp_path / "table.md").read_text()
    assert "12 correct calls, 0 alarms" in capsys.readouterr().out


def test_an_alarm_is_counted_and_gates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        calibration, "correct_functions", lambda *args: {"off by one": lambda x, **options: x + 1}
    )
    assert calibrate_command(("swish",), 2, tmp_path) == 1
    assert "alarm: off by one, case" in capsys.readouterr().out
    assert "Alarms:" in (tmp_path / "table.md").read_text()


def test_command_refuses() -> None:
    with pytest.raises(ConformError, match="runs=0"):
        calibrate_command((), 0)
    with pytest.raises(ConformError, match="no operator 'swih'"):
        calibrate_command(("swih",), 1)
