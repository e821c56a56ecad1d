"""`conform adequacy`: mistakes against properties."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from conform.commands.adequacy import adequacy_command
from conform.errors import ConformError
from conform.records import Outcome
from conform.run.adequacy import Matrix, matrix, notices
from conform.run.implementations import Bench, stored
from conform.run.profiles import PROFILES
from conform.spec.book import Book, built_in
from conform.spec.models import MistakeSpec

QUICK = replace(PROFILES["quick"], agreement=3, gradient=1, law=1, extra=4)


def with_mistake(formula: str) -> Book:
    """The built-in specs, where swish has one mistake."""
    book = built_in()
    swish = book.operator("swish")
    spec = swish.spec.model_copy(update={"mistakes": (MistakeSpec(id="made-up", formula=formula),)})
    return Book({**book.operators, "swish": replace(swish, spec=spec)})


def of(formula: str) -> Matrix:
    return matrix(Bench(with_mistake(formula), QUICK), "swish")


def test_a_wrong_function_is_noticed_by_agreement() -> None:
    found = of("x")
    assert found.missed == []
    assert "swish.agrees-with-reference" in found.rows[0].implied
    assert found.rows[0].beyond == []


def test_the_right_function_is_noticed_by_nothing() -> None:
    found = of("swish(x, beta=beta)")
    assert found.missed == ["swish.made-up"]
    assert found.rows[0].laws == []
    assert found.idle == found.laws
    assert found.laws
    assert found.faults == {}


def test_a_law_is_credited_only_with_what_it_says_itself() -> None:
    bench = Bench(with_mistake("swish(x, beta=2 * beta)"), QUICK)
    twice = stored(bench.book.operator("swish"), lambda x, *, beta: x * (2 * beta * x).sigmoid(),
                   torch.float64)  # fmt: skip
    layout = bench.book.property("swish.hygiene.layout")
    # Wrong values, but the same ones in every layout: agreement's business only.
    assert notices(bench.session("swish", twice, judged=False), layout, "float32") == (
        Outcome.PASS, "")  # fmt: skip
    agreement = bench.book.property("swish.agrees-with-reference")
    assert notices(bench.session("swish", twice), agreement, "float32")[0] is Outcome.FAIL


def test_a_mistake_that_raises_is_not_noticed() -> None:
    found = of("reshape(x, 7, 11, 13)")
    assert found.missed == ["swish.made-up"]
    assert "raised" in found.rows[0].raised


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert adequacy_command(("causal_mask",), "quick", tmp_path / "a" / "matrix.json") == 0
    content = json.loads((tmp_path / "a" / "matrix.json").read_text())
    assert content["schema"] == "conform-adequacy/1"
    rows = content["operators"]["causal_mask"]["mistakes"]
    assert len(rows) == len(built_in().operator("causal_mask").spec.mistakes)
    assert all(row["noticed_by"] for row in rows.values())
    assert "noticed" in capsys.readouterr().out


def test_command_fails_when_a_mistake_is_missed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    book = with_mistake("swish(x, beta=beta)")
    monkeypatch.setattr("conform.commands.adequacy.built_in", lambda: book)
    assert adequacy_command(("swish",), "quick") == 1
    out = capsys.readouterr().out
    assert "NOT NOTICED" in out
    assert "not noticed: 1\n  swish.made-up" in out
    assert "laws notice no mistake on their own" in out


def test_command_refuses() -> None:
    with pytest.raises(ConformError, match="did you mean 'swish'"):
        adequacy_command(("swih",))
    with pytest.raises(ConformError, match="profile='fast' is not known"):
        adequacy_command((), "fast")
