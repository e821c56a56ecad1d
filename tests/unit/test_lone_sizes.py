"""Gradients where a dim is one, and those that flow at other sizes and not here."""

from __future__ import annotations

import torch

from conform.records import Outcome
from conform.run.implementations import Bench
from conform.run.local import LocalClient
from conform.run.lone import lone_cases
from conform.run.outcomes import Kind, Trial, try_law
from conform.run.profiles import PROFILES
from conform.run.session import Session
from conform.spec.book import built_in
from conform.target.claims import OperatorClaim

BOOK = built_in()


def tried(operator: str, function: object) -> list[Trial]:
    """Gradients of a function, at sizes of one."""
    session = Session(
        "target",
        LocalClient({operator: function}),  # type: ignore[dict-item]
        {operator: OperatorClaim(operator, operator, frozenset())},
        BOOK,
        PROFILES["quick"],
    )
    law = BOOK.property(f"{operator}.gradient-agrees")
    cases = [case for _, case, _ in lone_cases(session, law, "float32")]
    return [try_law(session, law, case, "float32") for case in cases]


def ia3(x: torch.Tensor, W0: torch.Tensor, b0: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    return (x @ W0.T + b0) * scale


def single_token_without_graph(*tensors: torch.Tensor) -> torch.Tensor:
    y = ia3(*tensors)
    return y.detach() if y.shape[:-1].numel() == 1 else y


def frozen_weight(
    x: torch.Tensor, W0: torch.Tensor, b0: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:
    return ia3(x, W0.detach(), b0.detach(), scale)


def lone_key(h: torch.Tensor, e: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    weights = torch.ones_like(e) if e.shape[1] == 1 else torch.softmax(e, -1)
    return (weights.unsqueeze(1) @ h).squeeze(1), weights


def test_every_dim_that_may_be_one_is_one_together_and_alone() -> None:
    bench = Bench(BOOK, PROFILES["quick"])
    session = bench.session("ia3_linear", bench.oracle("ia3_linear"))
    law = BOOK.property("ia3_linear.gradient-agrees")
    found = [case.dims for _, case, _ in lone_cases(session, law, "float32")]
    assert found[0] == {"B": 1, "L": 1, "I": found[0]["I"], "O": 1}
    assert len(found) == 1 + PROFILES["quick"].far_gradients
    assert not list(lone_cases(session, law, "bfloat16"))


def test_a_graph_that_is_missing_at_some_sizes_is_a_lost_gradient() -> None:
    wrong = [t for t in tried("ia3_linear", single_token_without_graph) if t.kind is Kind.FAILED]
    assert wrong
    assert all(t.outcome is Outcome.FAIL for t in wrong)
    assert all("although one does at other sizes" in t.message for t in wrong)


def test_what_never_flows_is_not_claimed() -> None:
    kinds = {t.kind for t in tried("ia3_linear", frozen_weight)}
    assert Kind.HELD in kinds
    assert Kind.FAILED not in kinds


def test_a_gradient_of_zero_need_not_flow() -> None:
    assert {t.kind for t in tried("seq2seq_attention", lone_key)} == {Kind.HELD}
