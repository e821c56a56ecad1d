"""The ledger of the decks' claims, and what checks them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conform.commands.coverage import coverage_command
from conform.errors import ConformError
from conform.spec.book import built_in, load
from conform.spec.ledger import cover, ledger, read_ledger

SPEC = """
operator: softmax
domain: attention
summary: s
inputs:
  x: {{shape: [4]}}
result: {{shape: [4]}}
properties:
- id: softmax.sums
  {about}
  statement: Sums to one.
  law: "sum(softmax(x)) == 1.0"
"""


def claim(name: str, excluded: str = "") -> str:
    extra = f"\n  excluded: {excluded}" if excluded else ""
    return (
        f"- id: {name}\n  topic: t\n  term: x\n  kind: formula\n  statement: It says this.\n"
        f"  source: [{{deck: d, heading: h}}]{extra}\n"
    )


def covered(folder: Path, claims: str, about: str, passed: dict[str, bool] | None = None):  # type: ignore[no-untyped-def]
    (folder / "spec.yaml").write_text(SPEC.format(about=about))
    (folder / "ledger.yaml").write_text("claims:\n" + claims)
    return cover(load([folder / "spec.yaml"]), read_ledger(folder / "ledger.yaml"), passed)


def test_the_ledger_has_every_claim_once() -> None:
    claims = ledger()
    assert len(claims) == 717
    assert {c.id.split("-")[0] for c in claims} == {"CMU", "PEFT", "MIT"}
    assert all(c.statement and c.source for c in claims)


def test_every_claim_is_checked_or_excluded_and_nothing_is_at_fault() -> None:
    found = cover(built_in(), ledger())
    assert found.faults == ()
    assert [e.claim.id for e in found.entries if e.state == "missing"] == []
    assert found.count("checked") >= 600


def test_states_follow_what_names_a_claim_and_what_ran(tmp_path: Path) -> None:
    claims = claim("CMU-001") + claim("CMU-002", "a picture") + claim("CMU-003")
    about = "claims: [CMU-001]"
    assert [e.state for e in covered(tmp_path, claims, about).entries] == [
        "checked",
        "excluded",
        "missing",
    ]
    assert covered(tmp_path, claims, about, {}).entries[0].state == "not run"
    assert covered(tmp_path, claims, about, {"softmax.sums": True}).count("checked") == 1
    assert not covered(tmp_path, claims, about).complete


@pytest.mark.parametrize(
    ("about", "claims", "words"),
    [
        ("claims: [CMU-009]", claim("CMU-001"), "no deck makes"),
        ("note: nothing", claim("CMU-001"), "neither a claim nor a rationale"),
        ("claims: [CMU-001]", claim("CMU-001", "a picture"), "is excluded, yet"),
    ],
)
def test_faults_are_told(tmp_path: Path, about: str, claims: str, words: str) -> None:
    assert any(words in fault for fault in covered(tmp_path, claims, about).faults)


def test_a_bad_ledger_is_located(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("claims:\n- id: CMU-1\n")
    with pytest.raises(ConformError, match="CMU-1: id"):
        read_ledger(path)


def test_the_command_writes_what_it_prints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coverage_command(None, tmp_path / "c.json", html=tmp_path / "c.html")
    table = json.loads((tmp_path / "c.json").read_text())
    assert sum(table["counts"].values()) == 717
    page = (tmp_path / "c.html").read_text()
    assert "CMU-001" in page
    assert "http" not in page.split("</style>")[0]
    assert "claims are accounted for" in capsys.readouterr().out
