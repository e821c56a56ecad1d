"""The mixture-of-experts reference against the decks' numbers and plain loops."""

import pytest
import torch

from conform_reference import moe
from conform_reference.conventions import adapt


def drawn(tokens=7, width=5, experts=3, hidden=4):
    g = torch.Generator().manual_seed(3)
    shapes = [(tokens, width), (width, experts), (experts, width, hidden), (experts, hidden, width)]
    return [torch.randn(s, generator=g, dtype=torch.float64) for s in shapes]


def test_capacity_of_the_decks():
    assert moe.expert_capacity(6, 3, 1.0) == 2
    assert moe.expert_capacity(6, 3, 1.5) == 3
    assert moe.expert_capacity(7, 3, 1.0) == 3
    # 10 / 3 * 1.5 is 5 exactly, though not in every order of float arithmetic
    assert moe.expert_capacity(10, 3, 1.5) == 5


def test_capacity_conventions():
    floor = adapt("expert_capacity", moe.expert_capacity, {"capacity_rounding": "floor"})
    both = adapt("expert_capacity", moe.expert_capacity, {"capacity_counts": "assignments"})
    assert floor(7, 3, 1.0) == 2
    assert both(6, 3, 1.0, top_k=2) == 4
    assert moe.expert_capacity(6, 3, 1.0, top_k=2) == 2


def test_dropping_in_order():
    routes = torch.tensor([[0], [1], [0], [2], [0], [1]])
    kept = moe.moe_dispatch(routes, experts=3, capacity=2)[:, 0]
    assert kept.tolist() == [True, True, True, True, False, True]
    assert moe.moe_dispatch(routes, experts=3, capacity=3).all()


def test_first_choices_before_second():
    routes = torch.tensor([[0, 1], [1, 0]])
    ours = moe.moe_dispatch(routes, experts=2, capacity=1)
    assert ours.tolist() == [[True, False], [True, False]]
    by_token = adapt("moe_dispatch", moe.moe_dispatch, {"routing_order": "token_major"})
    assert by_token(routes, experts=2, capacity=1).tolist() == [[True, True], [False, False]]


@pytest.mark.parametrize("factor", [None, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("top_k", [1, 2, 3])
def test_layer_is_the_plain_loop(top_k, factor):
    x, Wg, W1, W2 = drawn()
    p = torch.softmax(x @ Wg, -1)
    chosen = p.argsort(-1, descending=True)[:, :top_k]
    room = [7 if factor is None else moe.expert_capacity(7, 3, factor)] * 3
    expected = torch.zeros_like(x)
    for rank in range(top_k):
        for t in range(7):
            e = int(chosen[t, rank])
            room[e] -= 1
            if room[e] >= 0:
                expected[t] += p[t, e] * (torch.relu(x[t] @ W1[e]) @ W2[e])
    y = moe.moe_layer(x, Wg, W1, W2, top_k=top_k, capacity_factor=factor)
    torch.testing.assert_close(y, expected)


def test_renormalised_weights_sum_to_one():
    x, Wg, *_ = drawn()
    follows = adapt("router", moe.router, {"renormalize": "true"})
    torch.testing.assert_close(follows(x, Wg, top_k=2)[1].sum(-1), torch.ones(7).double())
    assert (moe.router(x, Wg, top_k=2)[1].sum(-1) < 1).all()


def test_balancing_loss_can_be_below_one():
    p = torch.tensor([[0.51, 0.49], [0.51, 0.49], [0.0, 1.0]])
    assert float(moe.load_balancing_loss(p, torch.tensor([0, 0, 1]))) == pytest.approx(
        0.8933, abs=1e-4
    )


def test_balanced_assignment_is_the_optimum():
    from scipy.optimize import linear_sum_assignment

    for seed in range(20):
        scores = torch.randn(6, 3, generator=torch.Generator().manual_seed(seed))
        _, seat = linear_sum_assignment(scores.repeat_interleave(2, 1).numpy(), maximize=True)
        assert moe.balanced_assignment(scores).tolist() == (seat // 2).tolist()


def test_sizes():
    total, active = moe.moe_parameters(width=4, hidden=6, experts=5, top_k=2, shared=7)
    assert (total, active) == (7 + 5 * 48 + 20, 7 + 2 * 48 + 20)
    assert moe.moe_token_flops(width=4, hidden=6, experts=5, top_k=2) == 2 * (2 * 48 + 20)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: moe.expert_capacity(0, 3, 1.0), "tokens=0"),
        (lambda: moe.expert_capacity(6, 3, 0.0), "capacity_factor=0.0"),
        (lambda: moe.router(torch.ones(2, 3), torch.ones(3, 2), top_k=3), "top_k=3"),
        (lambda: moe.router(torch.ones(2, 3), torch.ones(4, 2)), "width"),
        (lambda: moe.moe_dispatch(torch.tensor([[3]]), experts=3, capacity=1), "experts=3"),
        (lambda: moe.moe_dispatch(torch.tensor([[0]]), experts=3, capacity=0), "capacity=0"),
        (lambda: moe.expert_choice(torch.ones(2, 3), torch.ones(3, 2), capacity=3), "capacity=3"),
        (lambda: moe.balanced_assignment(torch.ones(5, 2)), "experts=2"),
        (lambda: moe.moe_parameters(width=1, hidden=1, experts=2, top_k=3), "experts=2"),
        (lambda: moe.sinkhorn_routing(torch.ones(2, 2), iterations=0), "iterations=0"),
        (lambda: moe.load_balancing_loss(torch.ones(2, 2), torch.zeros(3).long()), "tokens"),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()
