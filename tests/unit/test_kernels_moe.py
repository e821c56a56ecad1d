"""Routing, dispatch and experts: exact values at the edges of tiles, and the arguments refused."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
import torch

os.environ.setdefault("TRITON_INTERPRET", "0" if torch.cuda.is_available() else "1")
pytest.importorskip("triton")

from conform_kernels import _config
from conform_kernels._dispatch import group
from conform_kernels.moe_dispatch import moe_dispatch
from conform_kernels.moe_layer import moe_layer
from conform_kernels.router import router

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
BLOCK = _config.count_tile().block
ROWS = _config.grouped_tile(1 << 20, 1, 4).rows


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    made = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float32)
    return made.to(DEVICE).requires_grad_()


def choices(tokens: int, ranks: int, experts: int, seed: int = 0) -> torch.Tensor:
    """int64[tokens, ranks], distinct in a row."""
    scores = torch.rand(tokens, experts, generator=torch.Generator().manual_seed(seed))
    return scores.topk(ranks).indices.to(DEVICE)


def served(indices: torch.Tensor, capacity: int) -> torch.Tensor:
    """Who is kept, one assignment after the other."""
    used: dict[int, int] = {}
    kept = torch.zeros(indices.shape, dtype=torch.bool)
    for rank in range(indices.shape[1]):
        for token in range(indices.shape[0]):
            expert = int(indices[token, rank])
            kept[token, rank] = used.get(expert, 0) < capacity
            used[expert] = used.get(expert, 0) + 1
    return kept.to(DEVICE)


@pytest.mark.parametrize("tokens", [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5])
@pytest.mark.parametrize("experts", [1, 4, 5, 9])
def test_places_are_counted_across_blocks_and_tiles_of_experts(tokens: int, experts: int) -> None:
    indices = choices(tokens, min(2, experts), experts)
    for capacity in (1, BLOCK // 4, BLOCK // 4 + 1, tokens):
        found = moe_dispatch(indices, experts=experts, capacity=capacity)
        assert torch.equal(found, served(indices, capacity))


def test_strided_and_narrow_indices() -> None:
    indices = choices(50, 3, 6)
    wide = torch.full((3, 120), 99, dtype=torch.int32, device=DEVICE)
    wide[:, ::3][:, :40] = indices[:40].T
    view = wide[:, ::3][:, :40].T
    assert torch.equal(moe_dispatch(view, experts=6, capacity=7), served(indices[:40], 7))


def test_rows_are_sorted_by_expert_in_the_order_of_service() -> None:
    tokens, ranks, experts, capacity = 2 * BLOCK + 3, 2, 5, BLOCK // 2
    indices = choices(tokens, ranks, experts)
    kept = served(indices, capacity)
    groups = group(indices, experts, capacity)
    begin = [int(n) for n in groups.offsets]
    for expert in range(experts):
        wanted = [
            token * ranks + rank
            for rank in range(ranks)
            for token in range(tokens)
            if int(indices[token, rank]) == expert and kept[token, rank]
        ]
        assert groups.order[begin[expert] : begin[expert + 1]].tolist() == wanted
    assert begin[-1] == int(kept.sum()) <= groups.rows
    slots = groups.slots
    assert torch.equal(slots >= 0, kept)
    row = torch.arange(slots.numel(), device=DEVICE).reshape(slots.shape)
    assert torch.equal(groups.order[slots[kept]], row[kept])


@pytest.mark.parametrize("tokens", [1, 15, 16, 17, 33])
def test_router_values(tokens: int) -> None:
    x, gate = randn(tokens, 40), randn(40, 19, seed=1)
    indices, weights = router(x, gate, top_k=19)
    probs = torch.softmax(x @ gate, -1)
    torch.testing.assert_close(weights, probs.gather(1, indices), rtol=1e-5, atol=1e-7)
    assert indices.sort(-1).values.eq(torch.arange(19, device=DEVICE)).all()
    assert weights.diff(dim=-1).le(0).all()


def test_ties_go_to_the_lower_index() -> None:
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], device=DEVICE)
    gate = torch.tensor([[0.0, 2.0, 1.0, 2.0], [3.0, 3.0, 0.0, 3.0]], device=DEVICE)
    indices, _ = router(x, gate, top_k=3)
    assert indices.tolist() == [[1, 3, 2], [0, 1, 3], [0, 1, 2]]


def test_nan_logits_keep_experts_distinct() -> None:
    x = torch.tensor([[float("nan"), 1.0], [1.0, 0.0]], device=DEVICE)
    indices, weights = router(x, torch.eye(2, device=DEVICE), top_k=2)
    assert indices.tolist() == [[0, 1], [0, 1]]
    assert weights[0].isnan().all()
    assert weights[1].isfinite().all()


def dense(
    x: torch.Tensor, Wg: torch.Tensor, W1: torch.Tensor, W2: torch.Tensor, top_k: int,
    capacity: int | None,
) -> torch.Tensor:  # fmt: skip
    """Every expert for every token, then those kept."""
    probs = torch.softmax(x @ Wg, -1)
    weights, indices = probs.topk(top_k)
    if capacity is not None:
        weights = weights * served(indices, capacity)
    hidden = torch.einsum("te,nef->tnf", x, W1).relu()
    each = torch.einsum("tnf,nfe->tne", hidden, W2)
    chosen = each.gather(1, indices[..., None].expand(-1, -1, x.shape[1]))
    return (weights[..., None] * chosen).sum(1)


def layer(tokens: int, experts: int, width: int, wide: int) -> tuple[torch.Tensor, ...]:
    return (
        randn(tokens, width), randn(width, experts, seed=1),
        randn(experts, width, wide, seed=2), randn(experts, wide, width, seed=3),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("tokens", "experts", "width", "wide", "top_k", "factor"),
    [
        (1, 1, 3, 5, 1, None),
        (ROWS, 1, ROWS, ROWS, 1, None),
        (ROWS + 1, 1, ROWS + 1, ROWS + 1, 1, None),
        (3 * ROWS - 1, 4, 7, 2 * ROWS + 3, 2, None),
        (3 * ROWS + 2, 5, 24, 9, 2, 0.5),
        (40, 8, 20, 33, 3, 1.0),
        (4, 19, 6, 7, 2, 1.0),
    ],
)
def test_layer_and_its_gradients(
    tokens: int, experts: int, width: int, wide: int, top_k: int, factor: float | None
) -> None:
    inputs = layer(tokens, experts, width, wide)
    capacity = None if factor is None else -(-int(tokens * factor * 64) // (experts * 64))
    found = moe_layer(*inputs, top_k=top_k, capacity_factor=factor)
    wanted = dense(*inputs, top_k, capacity)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    up = randn(tokens, width, seed=4).detach()
    pairs = zip(
        torch.autograd.grad(found, inputs, up), torch.autograd.grad(wanted, inputs, up),
        strict=True,
    )  # fmt: skip
    for a, b in pairs:
        torch.testing.assert_close(a, b, rtol=1e-4, atol=2e-4)


def test_whole_numbers_come_out_exactly() -> None:
    """Token t goes to expert t % 3, of weight 1 in float32, and expert n multiplies by n + 1."""
    tokens, width = 2 * ROWS + 3, 4
    expert = torch.arange(tokens, device=DEVICE) % 3
    x = torch.zeros(tokens, width, device=DEVICE)
    x[torch.arange(tokens), expert] = 1.0 + torch.arange(tokens, device=DEVICE)
    gate = 200.0 * torch.eye(width, 3, device=DEVICE)
    each = torch.eye(width, device=DEVICE).expand(3, width, width)
    scaled = each * torch.tensor([1.0, 2.0, 3.0], device=DEVICE)[:, None, None]
    assert torch.equal(
        moe_layer(x, gate, each, scaled, capacity_factor=None), x * (expert[:, None] + 1)
    )
    room = moe_layer(x, gate, each, scaled, capacity_factor=0.5)
    capacity = -(-tokens // 6)
    first = (torch.arange(tokens, device=DEVICE) // 3 < capacity)[:, None]
    assert torch.equal(room, x * (expert[:, None] + 1) * first)


def test_dropped_tokens_do_not_see_nan() -> None:
    """An expert of NaN spoils the tokens that it keeps, and no others."""
    x = torch.ones(8, 3, device=DEVICE)
    gate = torch.tensor([[9.0, 0.0]] * 3, device=DEVICE)
    bad = torch.full((2, 3, 3), float("nan"), device=DEVICE)
    y = moe_layer(x, gate, bad, bad, capacity_factor=0.5)
    assert y[:2].isnan().all()
    assert y[2:].eq(0).all()


def test_strided_weights() -> None:
    x, gate, up, down = (t.detach() for t in layer(21, 3, 10, 18))
    found = moe_layer(x, gate, up.mT.contiguous().mT, down.mT.contiguous().mT, top_k=2)
    assert torch.equal(found, moe_layer(x, gate, up, down, top_k=2))


def test_only_the_gradients_asked_for() -> None:
    inputs = tuple(t.detach() for t in layer(9, 3, 6, 5))
    for n in range(4):
        asked = [t.clone().requires_grad_(i == n) for i, t in enumerate(inputs)]
        whole = [t.clone().requires_grad_() for t in inputs]
        moe_layer(*asked, top_k=2).sin().sum().backward()
        moe_layer(*whole, top_k=2).sin().sum().backward()
        assert [t.grad is not None for t in asked] == [i == n for i in range(4)]
        assert torch.equal(asked[n].grad, whole[n].grad)


def test_no_tokens() -> None:
    x, gate, up, down = layer(0, 3, 6, 5)
    y = moe_layer(x, gate, up, down)
    assert y.shape == (0, 6)
    assert [g.shape for g in torch.autograd.grad(y.sum(), (x, gate, up, down))] == [
        x.shape, gate.shape, up.shape, down.shape,
    ]  # fmt: skip
    assert [t.shape for t in router(x, gate, top_k=2)] == [(0, 2), (0, 2)]
    none = torch.empty(0, 2, dtype=torch.int64, device=DEVICE)
    assert moe_dispatch(none, experts=3, capacity=1).shape == (0, 2)


X, WG = torch.zeros(2, 4, device=DEVICE), torch.zeros(4, 3, device=DEVICE)
W1, W2 = torch.zeros(3, 4, 5, device=DEVICE), torch.zeros(3, 5, 4, device=DEVICE)
CHOICE = torch.zeros(2, 1, dtype=torch.int64, device=DEVICE)
REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "float64": (lambda: router(X.double(), WG.double()), r"x\.dtype=torch\.float64"),
    "width": (lambda: router(X, WG[:3]), r"Wg\.shape=\(3, 3\); expected \(4, any\)"),
    "leading dimensions": (lambda: router(X[None], WG), r"x\.shape=\(1, 2, 4\)"),
    "top_k": (lambda: router(X, WG, top_k=4), "top_k=4; expected 1 to 3"),
    "experts": (
        lambda: router(X, torch.zeros(4, 600, device=DEVICE)),
        r"Wg\.shape=\(4, 600\); expected 1 to 512 experts",
    ),
    "indices": (lambda: moe_dispatch(X, experts=3, capacity=1), r"indices\.dtype=torch\.float32"),
    "one dimension": (
        lambda: moe_dispatch(CHOICE[0], experts=3, capacity=1),
        r"indices\.shape=\(1,\); expected \(T, k\)",
    ),
    "no room": (
        lambda: moe_dispatch(CHOICE, experts=3, capacity=0),
        "experts=3, capacity=0; expected at least 1",
    ),
    "hidden width": (lambda: moe_layer(X, WG, W1, W2[:, :4]), r"W2\.shape=\(3, 4, 4\)"),
    "experts differ": (lambda: moe_layer(X, WG, W1[:2], W2[:2]), r"W1\.shape=\(2, 4, 5\)"),
    "mixed dtypes": (lambda: moe_layer(X, WG, W1, W2.half()), r"W2\.dtype=torch\.float16"),
    "factor": (
        lambda: moe_layer(X, WG, W1, W2, capacity_factor=0.0),
        r"capacity_factor=0\.0; expected a positive finite number",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_wrong_arguments_are_refused(what: str) -> None:
    call, message = REFUSED[what]
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.skipif(DEVICE != "cpu", reason="a GPU asserts this on the device")
def test_unknown_experts_are_refused() -> None:
    with pytest.raises(ValueError, match="indices from 0 to 3; expected 0 to 2"):
        moe_dispatch(torch.tensor([[0], [3]]), experts=3, capacity=1)
