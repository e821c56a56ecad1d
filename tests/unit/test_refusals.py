"""A refusal may hang on sizes, options, layout and dtype; one that hangs on values is an error."""

from __future__ import annotations

import torch

from conform.records import Outcome
from conform.run.local import LocalClient
from conform.run.outcomes import Kind, Trial, try_law
from conform.run.profiles import PROFILES
from conform.run.session import Session
from conform.spec.book import built_in
from conform.target.claims import OperatorClaim


def of_small_values(x: torch.Tensor) -> torch.Tensor:
    if bool((x.abs() > 16).any()):
        raise NotImplementedError("scores beyond 16")
    return torch.softmax(x, -1)


def of_short_rows(x: torch.Tensor) -> torch.Tensor:
    if x.shape[-1] > 2:
        raise NotImplementedError("rows of more than 2")
    return torch.softmax(x, -1)


def tried(function: object) -> list[Trial]:
    session = Session(
        "limited",
        LocalClient({"softmax": function}),  # type: ignore[dict-item]
        {"softmax": OperatorClaim("softmax", "softmax", frozenset())},
        built_in(),
        PROFILES["quick"],
    )
    law = session.book.property("softmax.agrees-with-reference")
    cases = [session.case_of(law, item) for item in session.drawn("softmax", 14)]
    return [try_law(session, law, case, "float32") for case in cases]


def test_values_may_not_be_refused() -> None:
    wrong = [trial for trial in tried(of_small_values) if trial.kind is Kind.FAILED]
    assert wrong
    assert all(trial.outcome is Outcome.ERROR for trial in wrong)
    assert all("refused for its values alone" in trial.message for trial in wrong)


def test_sizes_may_be_refused() -> None:
    kinds = {trial.kind for trial in tried(of_short_rows)}
    assert Kind.REFUSED in kinds
    assert Kind.FAILED not in kinds
