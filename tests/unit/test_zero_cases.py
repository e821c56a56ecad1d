"""Cases in which a tensor, or a number among the options, is zero."""

from __future__ import annotations

import torch

from conform.draw.case import Source
from conform.records import Outcome
from conform.run.implementations import Bench
from conform.run.local import LocalClient
from conform.run.outcomes import Kind, Trial, try_law
from conform.run.profiles import PROFILES
from conform.run.session import Session
from conform.run.zeros import zero_cases
from conform.spec.book import built_in
from conform.target.claims import OperatorClaim

BOOK = built_in()


def zeros_of(operator: str) -> list[set[str]]:
    """What is zero in each of the cases."""
    bench = Bench(BOOK, PROFILES["quick"])
    session = bench.session(operator, bench.oracle(operator))
    law = BOOK.property(f"{operator}.agrees-with-reference")
    return [
        {
            name
            for name, x in {**case.inputs, **case.options}.items()
            if (isinstance(x, Source) and x.regime == "zeros")
            or (name in case.options and type(x) is float and x == 0.0)
        }
        for _, case, _ in zero_cases(session, law, "float32")
    ]


def tried(operator: str, function: object) -> list[Trial]:
    """Gradients of a function, where something is zero."""
    session = Session(
        "target",
        LocalClient({operator: function}),  # type: ignore[dict-item]
        {operator: OperatorClaim(operator, operator, frozenset())},
        BOOK,
        PROFILES["quick"],
    )
    law = BOOK.property(f"{operator}.gradient-agrees")
    cases = [case for _, case, _ in zero_cases(session, law, "float32")]
    return [try_law(session, law, case, "float32") for case in cases]


def test_what_begins_at_zero_is_asked_so_whatever_its_regimes_are() -> None:
    assert {"h0", "c0", "b"} in zeros_of("lstm")
    assert {"h0"} in zeros_of("lstm")
    assert {"state"} in zeros_of("linear_recurrence")
    assert {"gate"} in zeros_of("llama_adapter_attention")


def fed(
    x: torch.Tensor, W1: torch.Tensor, b1: torch.Tensor, W2: torch.Tensor, b2: torch.Tensor
) -> torch.Tensor:
    return torch.relu(x @ W1 + b1) @ W2 + b2


def bias_of_zeros_left_out(*tensors: torch.Tensor) -> torch.Tensor:
    *others, b2 = tensors
    return fed(*others, b2 if b2.any() else torch.zeros_like(b2))


def test_shifts_together_optional_tensors_and_numbers_alone() -> None:
    found = zeros_of("feed_forward")
    assert found[0] == {"b1", "b2"}
    # Each by itself, and with the shifts as in a fresh model.
    assert len(found) == 1 + 2 * PROFILES["quick"].far_gradients
    assert found[2::2] == [names | {"b1", "b2"} for names in found[1::2]]
    found = zeros_of("attention")
    assert [names for names in found if len(names) == 1] == found
    assert {"bias"} in found
    assert {"sinks"} in found
    assert {"scale"} in found
    assert {"softcap"} not in found  # 0 / 0
    assert {"alpha"} not in zeros_of("lora_linear")  # which libraries read as no scaling


def test_a_bias_that_learns_nothing_while_it_is_zero() -> None:
    wrong = [t for t in tried("feed_forward", bias_of_zeros_left_out) if t.kind is Kind.FAILED]
    assert wrong
    assert all(t.outcome is Outcome.FAIL for t in wrong)
    assert all("no gradient flows to b2 here" in t.message for t in wrong)


def test_one_that_learns_is_content() -> None:
    assert {t.kind for t in tried("feed_forward", fed)} == {Kind.HELD}
