"""Discrete choices judged by margin."""

from __future__ import annotations

import torch

from conform.draw.case import Source
from conform.judge.decisions import Decision, Recorder, Replayer, close, split_reported, wrong
from conform.run.implementations import Bench
from conform.run.outcomes import _is_open
from conform.run.profiles import PROFILES
from conform.spec.book import built_in
from conform_reference.rounding import best, decide, deciding

SCORES = torch.tensor([[3.0, 1.0, 2.0, 0.0], [0.0, 0.5, 0.501, -4.0]], dtype=torch.float64)


def made(count: int) -> Decision:
    return Decision("expert", SCORES, best(SCORES, count))


def test_ties_go_to_the_first() -> None:
    assert best(torch.zeros(3), 2).tolist() == [0, 1]


def test_a_wide_gap_is_not_close_and_a_narrow_one_is() -> None:
    first = Decision("expert", SCORES[:1], best(SCORES[:1], 2))
    assert not close(first, torch.full_like(SCORES[:1], 0.01))
    assert close(made(1), torch.full_like(SCORES, 0.01))
    assert not close(made(1), torch.full_like(SCORES, 1e-5))


def test_an_uncertain_outsider_makes_a_choice_close() -> None:
    bound = torch.tensor([[0.0, 0.0, 0.0, 5.0]], dtype=torch.float64)
    assert close(Decision("expert", SCORES[:1], best(SCORES[:1], 1)), bound)


def test_choosing_everything_is_close_only_in_its_order() -> None:
    scores = SCORES[:1]
    assert not close(Decision("expert", scores, best(scores, 4)), torch.full_like(scores, 0.1))


def test_either_of_two_near_scores_is_right_and_a_far_one_wrong() -> None:
    bound = torch.full_like(SCORES, 0.01)
    assert not wrong(made(1), torch.tensor([[0], [1]]), bound).any()
    assert not wrong(made(1), torch.tensor([[0], [2]]), bound).any()
    assert wrong(made(1), torch.tensor([[2], [2]]), bound).tolist() == [[True], [False]]


def test_repeats_wrong_order_and_indices_out_of_range_are_wrong() -> None:
    bound = torch.full_like(SCORES, 1e-6)
    assert wrong(made(2), torch.tensor([[0, 0], [2, 1]]), bound).tolist() == [
        [False, True],
        [False, False],
    ]
    assert wrong(made(2), torch.tensor([[2, 0], [2, 1]]), bound)[0, 0]
    assert wrong(made(2), torch.tensor([[0, 2], [2, 9]]), bound)[1, 1]


def test_recorded_decisions_are_replayed_whatever_the_scores_say() -> None:
    recorder = Recorder()
    with deciding(recorder):
        decide("expert", SCORES, 1)
    replayer = Replayer(recorder.made)
    with deciding(replayer):
        again = decide("expert", -SCORES, 1)
    assert again.tolist() == [[0], [2]]
    assert torch.equal(replayer.scores[0], -SCORES)


def test_forced_decisions_are_followed_stage_by_stage() -> None:
    forced = {"code": [torch.tensor([[1], [1]]), torch.tensor([[3], [3]])]}
    recorder = Recorder(forced)
    with deciding(recorder):
        first, other = decide("code", SCORES, 1), decide("expert", SCORES, 1)
        second = decide("code", SCORES, 1)
    assert (first.tolist(), other.tolist(), second.tolist()) == (
        [[1], [1]],
        [[0], [2]],
        [[3], [3]],
    )


def test_reported_stages_are_taken_apart() -> None:
    stages = [made(1), made(1)]
    found = split_reported(torch.tensor([[1, 2], [3, 0]]), stages)
    assert found is not None
    assert [x.tolist() for x in found] == [[[1], [3]], [[2], [0]]]
    single = split_reported(torch.tensor([1, 2]), [made(1)])
    assert single is not None
    assert single[0].tolist() == [[1], [2]]
    assert split_reported(torch.zeros(3, 3), [made(1)]) is None


def test_where_the_order_changes_nothing_only_the_last_place_is_close() -> None:
    scores = torch.tensor([[3.0, 2.99, 1.0, 0.0]], dtype=torch.float64)
    bound = torch.full_like(scores, 0.1)
    for ordered in (True, False):
        assert close(Decision("expert", scores, best(scores, 2), ordered), bound) is ordered
        assert close(Decision("expert", scores, best(scores, 1), ordered), bound)
        assert close(Decision("expert", scores, best(scores, 4), ordered), bound) is ordered


def test_a_wide_bound_among_the_chosen_reaches_the_next() -> None:
    scores = torch.tensor([[3.0, 2.0, 1.0]], dtype=torch.float64)
    bound = torch.tensor([[2.5, 0.1, 0.1]], dtype=torch.float64)
    assert close(Decision("expert", scores, best(scores, 2), ordered=False), bound)


def test_a_tie_leaves_a_law_of_hygiene_undecided() -> None:
    """Equal rows of a table make equal logits; which token is chosen then is nobody's mistake."""
    bench = Bench(built_in(), PROFILES["quick"])
    session = bench.session("generate_greedy", bench.oracle("generate_greedy"))
    law = bench.book.property("generate_greedy.hygiene.layout")
    found = {True: 0, False: 0}
    for drawn in session.drawn("generate_greedy", 40):
        table = drawn.case.inputs["table"]
        assert isinstance(table, Source)
        tied = table.layout == "expanded:0"
        opened = _is_open(law, session.calls("generate_greedy", drawn.case, "float64"))
        assert opened or not tied
        found[opened] += 1
    assert all(found.values())
