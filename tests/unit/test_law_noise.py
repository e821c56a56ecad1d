"""How far a law's expressions may move."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from conform.run.local import LocalClient
from conform.run.outcomes import Kind, try_law
from conform.run.profiles import PROFILES
from conform.run.session import Session, variant_of
from conform.spec.book import built_in
from conform.target.claims import OperatorClaim

BOOK = built_in()
NAME = "sinusoidal_encoding"


def textbook(length: int, dim: int, *, base: float = 10000.0) -> torch.Tensor:
    """Frequencies as exp of a float32 product."""
    table = torch.zeros(length, dim)
    rate = torch.exp(torch.arange(0, dim, 2).float() * (-math.log(base) / dim))
    angle = torch.arange(length).float()[:, None] * rate
    table[:, 0::2], table[:, 1::2] = torch.sin(angle), torch.cos(angle)
    return table


@pytest.mark.parametrize(("length", "dim"), [("300", "34"), ("17", "64"), ("35", "34")])
def test_tables_of_as_many_rows_as_samples_are_rounded_by_sample(length: str, dim: str) -> None:
    """Without any input nothing but the number of rows tells a table from samples."""
    client = LocalClient({NAME: textbook})
    claims = {NAME: OperatorClaim(NAME, NAME, frozenset({"base"}))}
    session = Session("target", client, claims, BOOK, PROFILES["quick"])
    law = BOOK.property(f"{NAME}.shift-is-a-rotation")
    variant = replace(variant_of(law), dims={"T": length, "E": dim})
    for drawn in session.drawn(NAME, 6):
        case = session.case_of(law, drawn, None, variant)
        assert try_law(session, law, case, "float32").kind is Kind.HELD
