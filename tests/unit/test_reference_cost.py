"""The cost formulas against instrumented algorithms, published tables, and brute force."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from conform_reference import cost


def _moved_keys_outside(N: int, d: int, M: int) -> int:
    """Algorithm 1 run tile by tile, adding up the elements that each line loads and stores."""
    rows, columns = cost.flash_block_sizes(d, M)
    moved = N * d + N + N  # O, l and m are set up
    for j in range(0, N, columns):
        keys = min(columns, N - j)
        moved += 2 * keys * d
        for i in range(0, N, rows):
            queries = min(rows, N - i)
            moved += 2 * queries * d + 2 * queries  # Q, O, l, m in
            moved += queries * d + 2 * queries  # O, l, m out
    return moved


def _moved_queries_outside(N: int, d: int, rows: int) -> int:
    moved = 0
    for i in range(0, N, rows):
        queries = min(rows, N - i)
        moved += 2 * queries * d + sum(2 * d for _ in range(N))
    return moved


@pytest.mark.parametrize(
    ("N", "d", "M"), [(203, 16, 64), (203, 16, 1000), (7, 16, 4096), (64, 8, 33)]
)
def test_flash_attention_io_is_what_the_algorithm_moves(N: int, d: int, M: int) -> None:
    assert cost.flash_attention_io(N, d, M) == _moved_keys_outside(N, d, M)


@pytest.mark.parametrize(("N", "d", "rows"), [(203, 16, 16), (5, 8, 64), (64, 4, 1)])
def test_flash_attention_2_io_is_what_the_loops_move(N: int, d: int, rows: int) -> None:
    assert cost.flash_attention_2_io(N, d, rows) == _moved_queries_outside(N, d, rows)


def test_io_examples_of_the_deck() -> None:
    assert cost.flash_attention_io(203, 16, 1000) == 147378
    assert cost.standard_attention_io(203, 16, 1000) == 177828
    sizes = [cost.flash_block_sizes(16, M) for M in (64, 256, 1000, 4096)]
    assert sizes == [(1, 1), (4, 4), (16, 16), (16, 64)]


@pytest.mark.parametrize("tile", [1, 2, 3, 5, 100])
def test_matmul_accesses_counts_loads(tile: int) -> None:
    m, k, n = 7, 4, 5
    loads = 0
    for i in range(0, m, tile):
        for j in range(0, n, tile):
            loads += k * (min(tile, m - i) + min(tile, n - j))
    assert cost.matmul_accesses(m, k, n, tile=tile) == loads


@pytest.mark.parametrize("tile", [1, 2, 3, 4, 7])
def test_tiled_matmul_of_the_slide(tile: int) -> None:
    a = torch.tensor([[1, 2, 0, 5], [4, 8, 2, -1], [3, 1, 6, 3], [-7, 5, 0, 8]]).double()
    b = torch.tensor([[3, 1, 6, 3], [-7, 5, 0, 8], [1, 2, 0, 5], [0, 3, 5, 1]]).double()
    c = [[-11, 26, 31, 24], [-42, 45, 19, 85], [8, 29, 33, 50], [-56, 42, -2, 27]]
    assert cost.tiled_matmul(a, b, tile=tile).tolist() == c


class _Reads:
    """A row that counts how often its entries are read."""

    def __init__(self, row: list[float]) -> None:
        self.row, self.count = row, 0

    def __iter__(self) -> Any:
        for x in self.row:
            self.count += 1
            yield x


def _online(x: _Reads) -> list[float]:
    m, total = -math.inf, 0.0
    for value in x:
        new = max(m, value)
        total, m = total * math.exp(m - new) + math.exp(value - new), new
    return [math.exp(value - m) / total for value in x]


def _safe(x: _Reads) -> list[float]:
    m = max(x)
    total = sum(math.exp(value - m) for value in x)
    return [math.exp(value - m) / total for value in x]


def _naive(x: _Reads) -> list[float]:
    total = sum(math.exp(value) for value in x)
    return [math.exp(value) / total for value in x]


@pytest.mark.parametrize(
    ("variant", "softmax"), [("naive", _naive), ("safe", _safe), ("online", _online)]
)
def test_softmax_accesses_of_counted_loops(
    variant: str, softmax: Callable[[_Reads], list[float]]
) -> None:
    x = _Reads([0.5, -1.0, 2.0, 0.0])
    written = softmax(x)
    assert (x.count, len(written)) == cost.softmax_accesses(4, variant=variant)
    assert sum(written) == pytest.approx(1)


LLAMA = {"glu": True, "norm": "rms", "vocabulary": 32000, "tied": False}
OPT = {"biases": True, "norm": "layer", "vocabulary": 50272, "positions": 2050}


@pytest.mark.parametrize(
    ("count", "options"),
    [
        (6738415616, {"layers": 32, "width": 4096, "heads": 32, "ffn": 11008, **LLAMA}),
        (13015864320, {"layers": 40, "width": 5120, "heads": 40, "ffn": 13824, **LLAMA}),
        (
            68976648192,
            {"layers": 80, "width": 8192, "heads": 64, "kv_heads": 8, "ffn": 28672, **LLAMA},
        ),
        (125239296, {"layers": 12, "width": 768, "heads": 12, **OPT}),
        (
            331196416,
            {"layers": 24, "width": 1024, "embedding_width": 512, "final_norm": False, **OPT},
        ),
    ],
)
def test_parameter_counts_of_published_models(count: int, options: dict[str, Any]) -> None:
    assert cost.parameter_count(**options) == count


def test_parameter_count_of_a_real_module() -> None:
    layer = torch.nn.TransformerEncoderLayer(24, 4, dim_feedforward=50, device="meta")
    real = sum(p.numel() for p in layer.parameters())
    counted = cost.parameter_count(
        layers=1, width=24, heads=4, ffn=50, biases=True, norm="layer", final_norm=False
    )
    assert counted == real


def test_compute_optimal_is_the_minimum_on_a_grid() -> None:
    constants = {"A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}
    n, d = cost.compute_optimal(5.76e23, **constants)
    assert 6 * n * d == pytest.approx(5.76e23)

    def loss(parameters: float) -> float:
        tokens = 5.76e23 / 6 / parameters
        return 406.4 / parameters**0.34 + 410.7 / tokens**0.28

    assert loss(n) <= min(loss(n * 2 ** (step / 50)) for step in range(-200, 201))


def test_power_law_fit_recovers() -> None:
    x = torch.tensor([1.0, 10.0, 200.0, 5000.0], dtype=torch.float64)
    scale, exponent = cost.power_law_fit(x, (70 / x) ** 0.076).tolist()
    assert (scale, exponent) == pytest.approx((70, 0.076))


WRONG: list[tuple[Callable[[], object], str]] = [
    (lambda: cost.training_flops(0, 1), "parameters=0"),
    (lambda: cost.training_flops(1, 1.5), "tokens=1.5"),  # type: ignore[arg-type]
    (lambda: cost.petaflop_days(-1.0), "flops=-1.0"),
    (lambda: cost.petaflop_days(math.nan), "flops=nan"),
    (lambda: cost.flash_attention_io(1, 1, 0), "sram_elements=0"),
    (lambda: cost.matmul_accesses(1, 1, 1, tile=0), "tile=0"),
    (lambda: cost.softmax_accesses(4, variant="fused"), "variant='fused'"),
    (lambda: cost.attention_intensity(heads=6, kv_heads=4), "kv_heads=4, heads=6"),
    (lambda: cost.parameter_count(layers=1, width=10, heads=3), "heads=3, width=10"),
    (lambda: cost.parameter_count(layers=1, width=8, norm="batch"), "norm='batch'"),
    (lambda: cost.sequence_accuracy(1.1, length=2), "token_accuracy=1.1"),
    (lambda: cost.tiled_matmul(torch.ones(2, 3), torch.ones(2, 3), tile=1), "inner size"),
]


@pytest.mark.parametrize(("call", "words"), WRONG)
def test_nonsense_is_refused(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        call()
