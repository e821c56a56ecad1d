"""The meter on eager PyTorch: each operation reads its inputs once and writes its outputs once."""

from __future__ import annotations

import json

import pytest
import torch

from conform.measure import Measurement, Traffic, measure, measure_order, metered

X = torch.randn(4, 8)


def test_an_operation_reads_and_writes_once() -> None:
    y, found = measure(lambda x: x + 1, X)
    assert torch.equal(y, X + 1)
    assert found.of(0) == Traffic(read=128)
    assert found.results == Traffic(written=128)
    assert (found.launches, found.flops, found.sectors, found.peak) == (0, 0, 0, 128)


def test_what_lies_between_is_fresh() -> None:
    _, found = measure(lambda x: (x + 1).exp() * 2, X)
    assert found.fresh == Traffic(read=256, written=256)
    assert found.results == Traffic(written=128)
    assert found.total == Traffic(read=384, written=384)


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.view(8, 4),
        lambda x: x.T,
        lambda x: x[1:, ::2],
        lambda x: x.expand(3, 4, 8),
        lambda x: x.detach(),
        lambda x: x.contiguous(),
        lambda x: torch.empty_like(x),
    ],
)
def test_views_and_allocations_move_nothing(view) -> None:
    assert measure(view, X)[1].total == Traffic()


def test_repeated_elements_are_read_once() -> None:
    _, found = measure(lambda x: x.expand(3, 4, 8) * 1.0, X)
    assert (found.read, found.written) == (128, 384)
    _, found = measure(lambda x: x[0] + x, X)
    assert found.of(0).read == 32 + 128


def test_a_lookup_reads_rows_and_not_the_table() -> None:
    table, at = torch.randn(100, 8), torch.tensor([3, 3, 7])
    for look in (lambda t, i: t[i], torch.index_select, lambda t, i: torch.embedding(t, i)):
        args = (table, 0, at) if look is torch.index_select else (table, at)
        _, found = measure(look, *args)
        assert found.of(0).read == 3 * 8 * 4
        assert found.results.written == 3 * 8 * 4


def test_updates_in_place() -> None:
    y = torch.zeros(4, 8)
    _, found = measure(lambda y: y.add_(1), y)
    assert found.of(0) == Traffic(read=128, written=128)
    _, found = measure(lambda y: y.zero_(), y)
    assert found.of(0) == Traffic(written=128)
    _, found = measure(lambda y, x: y.copy_(x), y, X)
    assert (found.of(0), found.of(1)) == (Traffic(written=128), Traffic(read=128))
    _, found = measure(lambda y, x: y[:2].copy_(x[:2]), y, X)
    assert found.of(0) == Traffic(written=64)
    _, found = measure(lambda y, i, x: y.index_add_(0, i, x), y, torch.tensor([1]), X[:1].clone())
    assert (found.of(0).read, found.of(0).written) == (32, 32)


@pytest.mark.parametrize(
    ("function", "flops"),
    [
        (lambda: torch.ones(3, 4) @ torch.ones(4, 5), 2 * 3 * 4 * 5),
        (lambda: torch.bmm(torch.ones(2, 3, 4), torch.ones(2, 4, 5)), 2 * 2 * 3 * 4 * 5),
        (lambda: torch.nn.functional.linear(torch.ones(7, 4), torch.ones(5, 4), torch.ones(5)),
         2 * 7 * 4 * 5),
        (lambda: torch.einsum("bhid,bhjd->bhij", torch.ones(2, 3, 4, 5), torch.ones(2, 3, 6, 5)),
         2 * 2 * 3 * 4 * 5 * 6),
        (lambda: torch.nn.functional.conv1d(torch.ones(1, 2, 10), torch.ones(3, 2, 3)),
         2 * 8 * 3 * 2 * 3),
        (lambda: torch.mv(torch.ones(3, 4), torch.ones(4)), 2 * 3 * 4),
        (lambda: torch.nn.functional.scaled_dot_product_attention(
            torch.ones(1, 2, 8, 16), torch.ones(1, 2, 4, 16), torch.ones(1, 2, 4, 16)),
         2 * 2 * 8 * 4 * (16 + 16)),
        (lambda: torch.ones(100).exp().sum(), 0),
    ],
)  # fmt: skip
def test_flops_of_products(function, flops: int) -> None:
    assert measure(function)[1].flops == flops


def test_backward_passes_are_seen() -> None:
    w = torch.randn(8, 5, requires_grad=True)

    def step(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        (gradient,) = torch.autograd.grad((x @ w).sum(), w)
        return gradient

    _, found = measure(step, X, w)
    assert found.flops == 2 * (2 * 4 * 8 * 5)
    assert found.of(0).read == 2 * 128


def test_peak_is_what_is_alive_at_once() -> None:
    def chained(x: torch.Tensor) -> torch.Tensor:
        for _ in range(5):
            x = x + 1
        return x

    def kept(x: torch.Tensor) -> list[torch.Tensor]:
        return [x + i for i in range(5)]

    assert measure(chained, X)[1].peak == 2 * 128
    assert measure(kept, X)[1].peak == 5 * 128
    assert measure(lambda x: x.view(-1)[:3], X)[1].peak == 0


def test_reads_of_what_nobody_wrote() -> None:
    assert measure(lambda: torch.empty(10).sum())[1].unwritten == 10
    assert measure(lambda: torch.empty(10).zero_().sum())[1].unwritten == 0

    def half() -> torch.Tensor:
        x = torch.empty(4, 6)
        x[:, ::2] = 1.0
        return x.sum()

    assert measure(half)[1].unwritten == 12
    assert measure(lambda x: torch.empty_like(x).copy_(x).sum(), X)[1].unwritten == 0
    assert measure(lambda: torch.empty(1).item())[1].unwritten == 1


def test_memory_of_the_target_itself_is_neither_argument_nor_fresh() -> None:
    table = torch.randn(4, 8)
    _, found = measure(lambda x: x + table, X)
    assert found.other == Traffic(read=128)
    assert found.peak == 128


def test_arguments_are_told_apart_by_name_and_position() -> None:
    _, found = measure(lambda a, *, b: a * 2 + b, X, b=X[0].clone())
    assert list(found.arguments) == [0, "b"]
    assert (found.of(0).read, found.of("b").read) == (128, 32)
    assert found.of("c") == Traffic()


def test_a_block_can_be_metered_and_nested_values_are_results() -> None:
    with metered({"x": X}) as meter:
        parts = {"a": X + 1, "b": (X * 2,)}
    found = meter.measurement([parts["a"], *parts["b"]])
    assert found.of("x").read == 256
    assert found.results.written == 256
    after = X + 3
    assert meter.measurement([after]).read == 256, "the block is over"


def test_a_record_survives_json() -> None:
    _, found = measure_order(lambda x, *, w: x @ w, X, w=torch.randn(8, 3))
    assert found.order_dependent is False
    again = Measurement.from_json(json.loads(json.dumps(found.to_json())))
    assert again == found


def test_only_the_cpu_is_metered() -> None:
    with (
        pytest.raises(ValueError, match=r"argument 0 is on meta; only the CPU is metered"),
    ):
        measure(lambda x: x, torch.empty(3, device="meta"))


def test_what_the_function_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError, match="division"):
        measure(lambda: 1 / 0)
    assert measure(lambda x: x + 1, X)[1].read == 128, "and the meter works on"
