"""A law that the oracle breaks is the spec's fault, except where a case leaves the range."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from conform.records import Outcome
from conform.run.local import LocalClient
from conform.run.outcomes import Kind, Trial, try_law
from conform.run.profiles import PROFILES
from conform.run.session import Session
from conform.run.verify import verify
from conform.spec.book import load
from conform.target.claims import OperatorClaim

SPEC = """\
operator: summed
domain: norm
summary: An operator to state laws of.
reference: conform_reference.attention:softmax
dims:
  A: int(1, 4)
inputs:
  x: {shape: [A, 8]}
result: {shape: [A, 8]}
properties:
- id: summed.of-huge-inputs
  rationale: the numbers leave float16 and stay in float32
  statement: Equal inputs share equally, whatever their size.
  regimes: [normal]
  law: "summed(0.0 * x + 100000.0) == 0.0 * x + 0.125"
- id: summed.false
  rationale: a law that nothing obeys
  statement: A factor has no effect.
  regimes: [normal]
  law: "summed(2.0 * x) == summed(x)"
- id: summed.false-to-the-bit
  rationale: a law that nothing obeys, told without the oracle
  statement: A factor changes no bit.
  regimes: [normal]
  law: "strictly(summed(2.0 * x) == summed(x))"
- id: summed.first-of-two
  rationale: what is decided needs nothing more
  statement: The second half of a law is not looked at where the first decides.
  regimes: [normal]
  law: "strictly(size(summed(x), 1) == 8) or summed(x[:, 9]) == 0.0"
"""


def shares(x: torch.Tensor) -> torch.Tensor:
    return torch.softmax(x.to(torch.promote_types(x.dtype, torch.float32)), -1).to(x.dtype)


def session_of(tmp_path: Path, name: str) -> Session:
    path = tmp_path / "summed.yaml"
    path.write_text(SPEC)
    return Session(
        name,
        LocalClient({"summed": shares}),
        {"summed": OperatorClaim("summed", "summed", frozenset())},
        load([path]),
        PROFILES["quick"],
    )


def tried(tmp_path: Path, name: str, dtype: str) -> Trial:
    session = session_of(tmp_path, "reference")
    law = session.book.property(f"summed.{name}")
    item = next(iter(session.drawn("summed", 1)))
    return try_law(session, law, session.case_of(law, item), dtype)


def test_beyond_the_range_a_law_states_nothing(tmp_path: Path) -> None:
    """What would be infinite as an argument is not passed at all."""
    assert tried(tmp_path, "of-huge-inputs", "float32").kind is Kind.HELD
    trial = tried(tmp_path, "of-huge-inputs", "float16")
    assert trial.kind is not Kind.FAILED
    assert "leaves the range of float16" in trial.message


def test_a_false_law_is_told(tmp_path: Path) -> None:
    trial = tried(tmp_path, "false", "float64")
    assert trial.kind is Kind.FALSE_LAW
    assert "oracle does not obey" in trial.message


@pytest.mark.parametrize(("name", "outcome"), [("reference", "error"), ("mine", "unsupported")])
def test_a_false_law_gates_the_reference_alone(tmp_path: Path, name: str, outcome: str) -> None:
    session = session_of(tmp_path, name)
    verdict = verify(session, session.book.property("summed.false-to-the-bit"), "float64")
    assert verdict.outcome is Outcome(outcome)
    assert "the spec is at fault" in verdict.reason


def test_a_law_is_read_as_far_as_it_is_open(tmp_path: Path) -> None:
    """`raises(...) or ...`: the rest has no meaning where the call raises."""
    assert tried(tmp_path, "first-of-two", "float32").kind is Kind.HELD
