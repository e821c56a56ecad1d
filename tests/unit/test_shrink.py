"""Shrinking: to the smallest case that still fails, never beyond what is legal."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from conform.run.local import LocalClient
from conform.run.outcomes import Kind, try_law
from conform.run.profiles import PROFILES
from conform.run.session import Session
from conform.run.shrink import shrink
from conform.spec.book import built_in, load
from conform.target.claims import OperatorClaim

BOOK = built_in()


SUMMED = """\
operator: summed
domain: norm
summary: An operator to shrink on.
reference: conform_reference.norm:rms_norm
dims:
  A: int(1, 40)
  B: int(1, 40)
inputs:
  x: {shape: [A, B]}
options:
  flag: {default: false, draw: "choose(False, True)"}
result: {shape: [A, B]}
properties:
- id: summed.narrow
  rationale: fails on wide inputs only
  statement: No input is wider than four, whatever else it is.
  law: "strictly(B < 5)"
- id: summed.narrow-and-flagged
  rationale: fails on wide inputs with the flag only
  statement: No input is wider than four with the flag.
  law: "strictly(B < 5) or strictly(not flag)"
"""


@pytest.mark.parametrize(
    ("name", "dims", "flag"),
    [("narrow", {"A": 1, "B": 5}, False), ("narrow-and-flagged", {"A": 1, "B": 5}, True)],
)
def test_shrinking_finds_the_smallest_case(
    tmp_path: Path, name: str, dims: dict[str, int], flag: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "summed.yaml"
    path.write_text(SUMMED)
    book = load([path])
    law = book.property(f"summed.{name}")
    # The oracle must not share the failure, else the law is called false.
    monkeypatch.setattr("conform.run.laws.LawRun.verdict", lambda self: self._verdict(self.law.law))
    monkeypatch.setattr("conform.run.shrink._legal", lambda *_: True)  # it stands for no operator
    session = Session(
        "fake",
        LocalClient({}),
        {"summed": OperatorClaim("summed", "f", frozenset({"flag"}))},
        book,
        PROFILES["default"],
    )
    for item in session.drawn("summed", 20):
        case = session.case_of(law, item)
        trial = try_law(session, law, case, "float32")
        if trial.kind is Kind.FAILED and case.dims["A"] > 5 and case.dims["B"] > 10:
            break
    else:
        pytest.fail("no case fails")
    small = shrink(session, law, item, case, "float32", trial, 5.0)
    assert small.case.dims == dims
    assert small.case.options == {"flag": flag}
    assert small.case.regime == "normal"
    assert {v.layout for v in small.case.inputs.values()} == {"contiguous"}
    assert small.trial.kind is Kind.FAILED


def test_shrinking_never_leaves_what_is_legal() -> None:
    """A dim fixed alone may no longer fit the others: 3 heads that share 2."""

    def only_two_sizes(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        if q.shape[1] != k.shape[1]:
            raise RuntimeError("the size of tensor a must match the size of tensor b")
        return torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, -1) @ v

    session = Session(
        "fake",
        LocalClient({"attention": only_two_sizes}),
        {"attention": OperatorClaim("attention", "attention", frozenset())},
        BOOK,
        PROFILES["default"],
    )
    law = BOOK.property("attention.hygiene.repeatable")
    for item in session.drawn("attention", 20):
        case = session.case_of(law, item)
        trial = try_law(session, law, case, "float32")
        if trial.kind is Kind.FAILED:
            break
    else:
        pytest.fail("no case has grouped heads")
    dims = shrink(session, law, item, case, "float32", trial, 5.0).case.dims
    assert dims["H"] != dims["K"]
    assert dims["H"] % dims["K"] == 0
