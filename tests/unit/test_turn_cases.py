"""Cases that differ in one option or number, one after the other."""

from __future__ import annotations

import torch

from conform.draw.case import Case
from conform.run.implementations import Bench
from conform.run.local import LocalClient
from conform.run.outcomes import Kind, try_law
from conform.run.profiles import PROFILES
from conform.run.session import Session
from conform.run.turns import turn_cases
from conform.spec.book import built_in
from conform.target.claims import OperatorClaim

BOOK = built_in()


def turned(operator: str, kind: str = "agrees-with-reference") -> list[Case]:
    bench = Bench(BOOK, PROFILES["quick"])
    session = bench.session(operator, bench.oracle(operator))
    law = BOOK.property(f"{operator}.{kind}")
    return [case for _, case, _ in turn_cases(session, law, "float32")]


def changed(cases: list[Case]) -> list[tuple[str, ...]]:
    """What each second case has otherwise than the one before."""
    found = []
    for case, other in zip(cases[::2], cases[1::2], strict=True):
        own, its = ({**x.dims, **x.inputs, **x.options} for x in (case, other))
        found.append(tuple(name for name in own if its[name] != own[name]))
    return sorted(found)


def test_one_option_or_number_changes_at_a_time() -> None:
    assert changed(turned("sink_window_mask")) == [("sinks",), ("window",)]
    assert {("base",), ("scaling",), ("interleaved",)} <= set(changed(turned("rope")))
    assert changed(turned("multi_head_attention")) == [("causal",)]  # sizes hang on the others
    assert not turned("softmax")


def test_few_are_asked_of_gradients() -> None:
    found = turned("rope", "gradient-agrees")
    assert 0 < len(found) <= 2 * PROFILES["quick"].far_gradients


def kept_without_the_sinks() -> object:
    masks: dict[object, torch.Tensor] = {}

    def sink_window_mask(Lq: int, Lk: int, window: int, sinks: int) -> torch.Tensor:
        row, column = torch.arange(Lq)[:, None] + Lk - Lq, torch.arange(Lk)
        see = (column <= row) & ((row - column < window) | (column < sinks))
        return masks.setdefault((Lq, Lk, window), see).clone()

    return sink_window_mask


def test_what_is_kept_without_a_number_is_seen() -> None:
    name = "sink_window_mask"
    session = Session(
        "target",
        LocalClient({name: kept_without_the_sinks()}),  # type: ignore[dict-item]
        {name: OperatorClaim(name, name, frozenset())},
        BOOK,
        PROFILES["quick"],
    )
    law = BOOK.property(f"{name}.agrees-with-reference")
    cases = [case for _, case, _ in turn_cases(session, law, "float32")]
    assert Kind.FAILED in {try_law(session, law, case, "float32").kind for case in cases}
