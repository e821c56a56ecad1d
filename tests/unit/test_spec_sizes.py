"""Laws that operators ask by name, at sizes of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from conform.spec.book import Book, load
from conform.spec.loader import SpecError

SHARED = """\
templates:
- id: sizes.wide
  for: operators that give sizes
  rationale: an example
  statement: Wide rows are as narrow ones.
  regimes: [normal]
  law: "op(*inputs, **options) == ref.op(*inputs, **options)"
- id: sizes.wide-learn
  for: operators that give sizes
  rationale: an example
  statement: Wide rows learn as narrow ones.
  dtypes: [float64, float32]
  law: "grad(op(*inputs, **options), wrt) == grad(ref.op(*inputs, **options), wrt)"
"""
OPERATOR = """\
operator: doubled
domain: norm
summary: Twice the input.
reference: conform_reference.norm:rms_norm
dims:
  E: int(1, 8)
inputs:
  x: {shape: [E]}
  y: {shape: [E]}
result: {shape: [E]}
gradient: [x, y]
"""


def book(folder: Path, text: str) -> Book:
    paths = [folder / "shared.yaml", folder / "doubled.yaml"]
    paths[0].write_text(SHARED)
    paths[1].write_text(OPERATOR + text)
    return load(paths)


def test_the_law_is_the_operator_s_own_at_its_sizes(tmp_path: Path) -> None:
    found = book(tmp_path, 'sizes:\n  wide: {dims: {E: "70"}, half: false}\n')
    law = found.property("doubled.wide")
    assert law.spec.law == "doubled(*inputs, **options) == ref.doubled(*inputs, **options)"
    assert law.spec.dims == {"E": "70"}
    assert law.spec.half is False
    assert law.spec.regimes == ("normal",)
    assert law.spec.for_ is None
    assert not law.template
    assert law.file.endswith("doubled.yaml")


def test_gradients_are_asked_of_all_inputs_or_of_those_given(tmp_path: Path) -> None:
    every = book(tmp_path, 'sizes:\n  wide-learn: {dims: {E: "70"}}\n').property(
        "doubled.wide-learn"
    )
    assert every.spec.law.startswith("grad(doubled(*inputs, **options), x, y) ==")
    assert every.spec.dtypes == ("float64", "float32")
    one = book(tmp_path, 'sizes:\n  wide-learn: {dims: {E: "70"}, wrt: [y]}\n')
    law = one.property("doubled.wide-learn").spec.law
    assert law.endswith("== grad(ref.doubled(*inputs, **options), y)")


def test_nobody_is_asked_who_gives_no_sizes(tmp_path: Path) -> None:
    ids = {law.id for law in book(tmp_path, "").properties}
    assert not {i for i in ids if "wide" in i}


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ('sizes:\n  wid: {dims: {E: "70"}}\n', "13:3", "did you mean 'wide'"),
        ('sizes:\n  wide: {dims: {F: "70"}}\n', "13:17", "no dim 'F'"),
        ('sizes:\n  wide: {dims: {E: "G"}}\n', "13:21", "unknown name 'G'"),
        ('sizes:\n  wide-learn: {dims: {E: "7"}, wrt: [z]}\n', "13:38", "no gradient in 'z'"),
        ('sizes:\n  wide: {dims: {E: "70"}, options: {eps: 1}}\n', "13:37", "no option 'eps'"),
        (
            "properties:\n- {id: doubled.a, dims: {F: 1}, statement: Twice as wide, law: x}\n",
            "13:26",
            "no dim 'F'",
        ),
        ("sizes:\n  wide: {}\n", "13:9", "'dims' is missing"),
        (
            'properties:\n- {id: doubled.wide, statement: Twice as wide., law: "doubled(x) == x"}\n'
            'sizes:\n  wide: {dims: {E: "70"}}\n',
            "15:9",
            "used twice",
        ),
    ],
)
def test_faults_are_told_where_they_stand(
    tmp_path: Path, text: str, place: str, words: str
) -> None:
    with pytest.raises(SpecError) as caught:
        book(tmp_path, text)
    assert words in str(caught.value)
    assert str(caught.value.where).endswith(f"doubled.yaml:{place}")
