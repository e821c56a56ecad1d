"""Contracts that write `...` are asked with none, one and more leading dims than the laws name."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from conform.draw.case import Source
from conform.records import Outcome
from conform.run.implementations import Bench
from conform.run.layouts import layout_cases
from conform.run.leads import lead_cases
from conform.run.local import LocalClient
from conform.run.profiles import PROFILES
from conform.run.session import Session
from conform.run.verify import verify
from conform.spec.book import built_in
from conform.target.claims import OperatorClaim
from conform.target.limits import Limit

BOOK = built_in()
WITH_LEADS = [name for name, operator in BOOK.operators.items() if operator.spec.leading]


def session(operator: str, **claimed: object) -> Session:
    bench = Bench(BOOK, PROFILES["quick"])
    made = bench.session(operator, bench.oracle(operator))
    made.claims = {operator: replace(made.claims[operator], **claimed)}  # type: ignore[arg-type]
    return made


def dims(made: Session, operator: str, kind: str, name: str) -> dict[str, int]:
    """How many dims the input has, by what was done to the leading ones."""
    law = BOOK.property(f"{operator}.{kind}")
    found = {}
    for _, case, variant in lead_cases(made, law, "float32"):
        source = case.inputs[name]
        assert isinstance(source, Source)
        assert len(source.symbols) == len(source.shape)
        found[variant.leads] = len(source.shape)
        assert case.wrt == "all"
    return found


@pytest.mark.parametrize("kind", ["agrees-with-reference", "gradient-agrees"])
@pytest.mark.parametrize(
    ("operator", "usual"), [("layer_norm", 3), ("rope", 4), ("lora_linear", 3)]
)
def test_leading_dims_are_left_out_joined_and_added(operator: str, usual: int, kind: str) -> None:
    leading = len(BOOK.operator(operator).spec.leading)
    expected = {"none": usual - leading, "one": usual - leading + 1, "more": usual + 1}
    assert dims(session(operator), operator, kind, "x") == expected


@pytest.mark.parametrize("operator", WITH_LEADS)
def test_the_reference_takes_them_all(operator: str) -> None:
    law = BOOK.property(f"{operator}.agrees-with-reference")
    spec = BOOK.operator(operator).spec
    number = spec.leading in [item.shape for item in spec.inputs.values()]
    found = [variant.leads for _, _, variant in lead_cases(session(operator), law, "float32")]
    assert found == (["one", "more"] if number else ["none", "one", "more"])


def test_what_is_no_token_stays() -> None:
    law = BOOK.property("rope.agrees-with-reference")
    for _, case, _ in lead_cases(session("rope"), law, "float32"):
        positions = case.inputs["positions"]
        assert isinstance(positions, Source)
        assert positions.shape == (case.dims["L"],)


@pytest.mark.parametrize("operator", ["attention", "self_attention"])
def test_others_have_no_leading_dims(operator: str) -> None:
    law = BOOK.property(f"{operator}.agrees-with-reference")
    assert not list(lead_cases(session(operator), law, "float32"))


@pytest.mark.parametrize(
    "claimed", [{"limits": {"B": Limit(maximum=1)}}, {"requires": ("L <= 16",)}]
)
def test_who_speaks_of_the_leading_dims_has_those(claimed: dict[str, object]) -> None:
    law = BOOK.property("layer_norm.agrees-with-reference")
    assert not list(lead_cases(session("layer_norm", **claimed), law, "float32"))


def test_heads_in_another_place_need_four_dims() -> None:
    law = BOOK.property("rope.agrees-with-reference")
    assert not list(lead_cases(session("rope", layout="BLHD"), law, "float32"))


def test_images_in_channels_last_are_asked_of_tokens_too() -> None:
    law = BOOK.property("layer_norm.hygiene.layout")
    asked = layout_cases(session("layer_norm"), law, "float32")
    shown = {variant.layout: variant.leads for _, _, variant in asked}
    assert shown["channels_last"] == "more"
    assert shown["sliced"] == ""


class Rigid(RuntimeError):
    """Of a library that takes so many dims alone."""


def test_an_error_at_unusual_dims_is_no_wrong_value() -> None:
    def no_images(x: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        if x.ndim > 2:
            raise Rigid(f"{x.ndim} dims")
        return table[x]

    def batches_alone(x: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        if x.ndim != 2:
            raise Rigid(f"{x.ndim} dims")
        return table[x]

    def wrong(x: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        return table[x] if x.ndim == 2 else table[x] * 2

    law = BOOK.property("embedding.agrees-with-reference")
    for function, outcome in (
        (no_images, Outcome.PASS),
        (batches_alone, Outcome.ERROR),
        (wrong, Outcome.FAIL),
    ):
        made = Session(
            "target",
            LocalClient({"embedding": function}),
            {"embedding": OperatorClaim("embedding", "embedding", frozenset())},
            BOOK,
            PROFILES["quick"],
        )
        assert verify(made, law, "float32").outcome is outcome
