"""Where a law asks the reference what the target's calls were judged against, nothing is missed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from conform.run.local import LocalClient
from conform.run.outcomes import Kind, Trial, try_law
from conform.run.profiles import PROFILES
from conform.run.session import Session
from conform.spec.book import load
from conform.target.claims import OperatorClaim

SPEC = """\
operator: scaled
domain: norm
summary: An operator to state a law of.
reference: conform_reference.norm:rms_norm
dims:
  A: int(2, 4)
inputs:
  x: {shape: [A, 8]}
  gain: {shape: [8]}
result: {shape: [A, 8]}
gradient: [x, gain]
properties:
- id: scaled.wider
  rationale: a law that says of other inputs what agreement says
  statement: More rows are scaled, and learn, as a few are.
  regimes: [normal]
  let: {y: "concat(x, x)"}
  draw: {c: "normal(2 * A, 8)"}
  law: >-
    scaled(y, gain) == ref.scaled(y, gain) and
    vjp(scaled(concat(x, x), gain), gain, c) == vjp(ref.scaled(concat(x, x), gain), gain, c)
- id: scaled.wider-or-refused
  rationale: the same, of what may be refused; the answer that is asked for an error is not judged
  statement: More rows are scaled as a few are, or refused.
  regimes: [normal]
  let: {y: "concat(x, x)"}
  law: "raises(scaled(y, gain)) or scaled(y, gain) == ref.scaled(y, gain)"
"""
WIDE = 5
Target = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def right(x: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    root = torch.rsqrt(x.float().square().mean(-1, keepdim=True) + 1e-6)
    return (x.float() * root * gain.float()).to(x.dtype)


def last_row_lost(x: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    return right(x, gain) * (torch.arange(len(x)) < WIDE - 1).unsqueeze(1)


def gain_held(x: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    return right(x, gain if len(x) < WIDE else gain.detach())


def refused(x: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    if len(x) >= WIDE:
        raise ValueError("too many rows")
    return right(x, gain)


def tried(tmp_path: Path, target: Target, name: str = "scaled.wider") -> Trial:
    path = tmp_path / "scaled.yaml"
    path.write_text(SPEC)
    session = Session(
        "scaled",
        LocalClient({"scaled": target}),
        {"scaled": OperatorClaim("scaled", "scaled", frozenset())},
        load([path]),
        PROFILES["quick"],
    )
    law = session.book.property(name)
    dims = (session.case_of(law, item) for item in session.drawn("scaled", 12))
    case = next(case for case in dims if WIDE / 2 <= case.dims["A"] < WIDE)
    return try_law(session, law, case, "float32")


@pytest.mark.parametrize(
    ("target", "kind"),
    [(right, Kind.HELD), (last_row_lost, Kind.FAILED), (gain_held, Kind.FAILED)],
)
def test_what_is_wrong_is_seen(tmp_path: Path, target: Target, kind: Kind) -> None:
    assert tried(tmp_path, target).kind is kind


@pytest.mark.parametrize(
    ("target", "kind"),
    [(right, Kind.HELD), (refused, Kind.HELD), (last_row_lost, Kind.FAILED)],
)
def test_what_may_be_refused_is_judged_where_it_is_not(
    tmp_path: Path, target: Target, kind: Kind
) -> None:
    assert tried(tmp_path, target, "scaled.wider-or-refused").kind is kind
