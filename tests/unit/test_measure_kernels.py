"""The meter on small Triton kernels: every byte, races, lanes outside, reads of the unwritten."""

from __future__ import annotations

import os

import pytest
import torch

os.environ.setdefault("TRITON_INTERPRET", "0" if torch.cuda.is_available() else "1")
pytest.importorskip("triton")

import triton
import triton.language as tl

import conform_kernels
from conform.measure import Traffic, measure, measure_order, metered
from conform.measure.seam import interpreter
from conform_reference.cost import flash_attention_2_io

pytestmark = pytest.mark.skipif(
    not conform_kernels.interpreting(), reason="kernels are compiled here, not interpreted"
)


@triton.jit
def _softmax(x, y, rows, columns, ROWS: tl.constexpr, COLS: tl.constexpr):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    col = tl.arange(0, COLS)[None, :]
    at, keep = row[:, None] * columns + col, (row < rows)[:, None] & (col < columns)
    v = tl.load(x + at, mask=keep, other=-float("inf"))
    e = tl.exp(v - tl.max(v, 1)[:, None])
    tl.store(y + at, e / tl.sum(e, 1)[:, None], mask=keep)


@triton.jit
def _matmul(a, b, c, m, n, k, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    i = tl.program_id(0) * M + tl.arange(0, M)[:, None]
    j = tl.program_id(1) * N + tl.arange(0, N)[None, :]
    acc = tl.zeros([M, N], tl.float32)
    for start in range(0, k, K):
        left, up = start + tl.arange(0, K)[None, :], start + tl.arange(0, K)[:, None]
        x = tl.load(a + i * k + left, mask=(i < m) & (left < k), other=0.0)
        y = tl.load(b + up * n + j, mask=(up < k) & (j < n), other=0.0)
        acc = tl.dot(x, y, acc, input_precision="ieee")
    tl.store(c + i * n + j, acc.to(c.dtype.element_ty), mask=(i < m) & (j < n))


@triton.jit
def _flash(q, k, v, o, length, D: tl.constexpr, M: tl.constexpr, N: tl.constexpr):
    i = tl.program_id(0) * M + tl.arange(0, M)[:, None]
    d = tl.arange(0, D)[None, :]
    queries = tl.load(q + i * D + d, mask=i < length, other=0.0)
    acc = tl.zeros([M, D], tl.float32)
    total = tl.zeros([M], tl.float32)
    top = tl.full([M], -float("inf"), tl.float32)
    for start in range(0, length, N):
        j = start + tl.arange(0, N)[:, None]
        keys = tl.load(k + j * D + d, mask=j < length, other=0.0)
        s = tl.dot(queries, tl.trans(keys), input_precision="ieee")
        s = tl.where(tl.trans(j) < length, s, -float("inf"))
        new = tl.maximum(top, tl.max(s, 1))
        p = tl.exp(s - new[:, None])
        shrink = tl.exp(top - new)
        total = total * shrink + tl.sum(p, 1)
        values = tl.load(v + j * D + d, mask=j < length, other=0.0)
        acc = tl.dot(p, values, acc * shrink[:, None], input_precision="ieee")
        top = new
    tl.store(o + i * D + d, acc / total[:, None], mask=i < length)


def softmax(x: torch.Tensor) -> torch.Tensor:
    y = torch.empty_like(x)
    rows, columns = x.shape
    _softmax[(triton.cdiv(rows, 4),)](x, y, rows, columns, ROWS=4, COLS=16)
    return y


def matmul(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    (m, k), n = a.shape, b.shape[1]
    c = torch.empty(m, n, dtype=a.dtype)
    _matmul[(triton.cdiv(m, 16), triton.cdiv(n, 16))](a, b, c, m, n, k, M=16, N=16, K=16)
    return c


def flash(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, block: int) -> torch.Tensor:
    o = torch.empty_like(q)
    _flash[(triton.cdiv(len(q), block),)](q, k, v, o, len(q), D=16, M=block, N=16)
    return o


def test_a_row_is_read_once_and_written_once() -> None:
    x = torch.randn(10, 13)
    y, found = measure(softmax, x)
    assert torch.allclose(y, torch.softmax(x, -1), atol=1e-6)
    assert found.of(0) == Traffic(read=10 * 13 * 4)
    assert found.results == Traffic(written=10 * 13 * 4)
    assert (found.read, found.written) == (520, 520)
    assert found.fresh == found.other == Traffic()
    assert (found.launches, found.flops, found.peak) == (1, 0, 520)
    assert found.sectors == sum(
        (start % 32 + 520 + 31) // 32 for start in (x.data_ptr(), y.data_ptr())
    )
    assert (found.races, found.outside, found.unwritten) == (0, 0, 0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_tiled_product_reads_each_operand_once_for_each_tile_of_the_other(
    dtype: torch.dtype,
) -> None:
    m, n, k = 40, 33, 20
    a, b = torch.randn(m, k, dtype=dtype), torch.randn(k, n, dtype=dtype)
    c, found = measure(matmul, a, b=b)
    assert torch.allclose(c.float(), a.float() @ b.float(), atol=0.1)
    size = dtype.itemsize
    assert found.of(0).read == m * k * size * 3
    assert found.of("b").read == k * n * size * 3
    assert found.results.written == m * n * size
    assert found.flops == 2 * (3 * 16) * (3 * 16) * (2 * 16), "tiles are computed whole"


@pytest.mark.parametrize(("length", "block"), [(70, 16), (70, 32), (64, 64)])
def test_flash_attention_moves_what_its_formula_says(length: int, block: int) -> None:
    q, k, v = (torch.randn(length, 16) for _ in range(3))
    o, found = measure(flash, q, k, v, block)
    assert torch.allclose(o, torch.softmax(q @ k.T, -1) @ v, atol=1e-4)
    assert (found.read + found.written) == 4 * flash_attention_2_io(length, 16, block)
    assert found.of(0).read == q.nbytes
    assert found.of(1) == found.of(2) == Traffic(read=k.nbytes * -(-length // block))
    assert found.flops == 2 * 2 * 16 * (-(-length // block) * block) * (-(-length // 16) * 16)


@triton.jit
def _descriptor(x, y, rows, columns, ROWS: tl.constexpr, COLS: tl.constexpr):
    source = tl.make_tensor_descriptor(x, [rows, columns], [columns, 1], [ROWS, COLS])
    target = tl.make_tensor_descriptor(y, [rows, columns], [columns, 1], [ROWS, COLS])
    for start in range(0, columns, COLS):
        target.store([0, start], source.load([0, start]))


def test_descriptors_leave_out_what_is_beyond_the_edge() -> None:
    x = torch.randn(5, 20)
    y = torch.zeros(5, 20)
    _, found = measure(lambda x, y: _descriptor[(1,)](x, y, 5, 20, ROWS=8, COLS=16), x, y)
    assert torch.equal(x, y)
    assert (found.of(0), found.of(1)) == (Traffic(400, 0), Traffic(0, 400))
    assert found.outside == 0


@triton.jit
def _beyond(x, y, n, N: tl.constexpr):
    at = tl.arange(0, N)
    tl.store(y + at, tl.load(x + at) + 1, mask=at < n)


@triton.jit
def _store_beyond(y, far, N: tl.constexpr):
    tl.store(y + far + tl.arange(0, N), 1.0)


def test_lanes_outside_are_counted_and_not_performed() -> None:
    whole = torch.arange(16.0)
    x, y = whole[:10].clone(), torch.zeros(10)
    _, found = measure(lambda x, y: _beyond[(1,)](x, y, 10, N=16), x, y)
    assert found.outside == 6
    assert found.of(0).read == 40
    assert torch.equal(y, x + 1)
    _, found = measure(lambda y: _store_beyond[(1,)](y, 2**40, N=4), y)
    assert (found.outside, found.written) == (4, 0)


@triton.jit
def _shared(x, y, MODE: tl.constexpr):
    p = tl.program_id(0)
    if MODE == "write":
        tl.store(y, p + 1.0)
    elif MODE == "add":
        tl.store(y, tl.load(y) + 1.0)
    elif MODE == "atomic":
        tl.atomic_add(y, 1.0)
    elif MODE == "same":
        tl.store(y, 7.0)
    elif MODE == "neighbour":
        tl.store(y + p, tl.load(x + p))
        tl.store(y + 8 + p, tl.load(y + (p + 1) % 4))
    elif MODE == "mixed":
        tl.atomic_add(y, 1.0)
        tl.store(y + 1 + p, tl.load(y))
    elif MODE == "atomic and plain":
        if p == 0:
            tl.store(y, 3.0)
        tl.atomic_add(y, 1.0)


@pytest.mark.parametrize(
    ("mode", "write_write", "read_write"),
    [
        ("write", 1, 0),
        ("add", 1, 0),
        ("atomic", 0, 0),
        ("same", 0, 0),
        ("neighbour", 0, 4),
        ("mixed", 0, 0),
        ("atomic and plain", 0, 1),
    ],
)
def test_races_between_programs(mode: str, write_write: int, read_write: int) -> None:
    x, y = torch.arange(4.0), torch.zeros(16)
    _, found = measure(lambda x, y: _shared[(4,)](x, y, MODE=mode), x, y)
    assert (found.write_write, found.read_write) == (write_write, read_write)
    _, found = measure(lambda x, y: _shared[(1,)](x, y, MODE=mode), x, y)
    assert found.races == 0, "one program alone cannot race"
    _, found = measure(lambda x, y: [_shared[(1,)](x, y, MODE=mode) for _ in range(3)], x, y)
    assert found.races == 0, "launches come one after the other"


def test_neighbours_of_half_a_word_do_not_race() -> None:
    y = torch.zeros(16, dtype=torch.int8)
    _, found = measure(lambda y: _bytes[(16,)](y), y)
    assert found.races == 0
    assert y.tolist() == list(range(16))


@triton.jit
def _bytes(y):
    tl.store(y + tl.program_id(0), tl.program_id(0).to(tl.int8))


@triton.jit
def _locked(lock, x, total, N: tl.constexpr, LOCKS: tl.constexpr, HELD: tl.constexpr):
    p = tl.program_id(0)
    at = tl.arange(0, N)
    mine = lock + p % LOCKS
    if HELD:
        while tl.atomic_cas(mine, 0, 1) == 1:
            pass
    sums = total + (p % LOCKS) * N + at
    tl.store(sums, tl.load(sums) + tl.load(x + p * N + at))
    if HELD:
        tl.atomic_xchg(mine, 0)


@pytest.mark.parametrize("locks", [1, 2])
def test_a_lock_orders_programs(locks: int) -> None:
    x, lock = torch.randn(6, 4), torch.zeros(2, dtype=torch.int32)

    def run(held: bool) -> int:
        total = torch.zeros(2, 4)
        _, found = measure(
            lambda *t: _locked[(6,)](*t, N=4, LOCKS=locks, HELD=held), lock, x, total
        )
        assert torch.allclose(total.sum(0), x.sum(0), atol=1e-5)
        return found.races

    assert run(True) == 0
    assert run(False) == 4 * locks


@triton.jit
def _last_adds_up(x, parts, count, out, N: tl.constexpr, PROGRAMS: tl.constexpr):
    p = tl.program_id(0)
    at = tl.arange(0, N)
    tl.store(parts + p, tl.sum(tl.load(x + p * N + at), 0))
    if tl.atomic_add(count, 1) == PROGRAMS - 1:
        each = tl.arange(0, PROGRAMS)
        tl.store(out, tl.sum(tl.load(parts + each), 0))


def test_the_last_program_may_read_what_all_published() -> None:
    x, parts = torch.randn(4, 8), torch.zeros(4)
    count, out = torch.zeros(1, dtype=torch.int32), torch.zeros(1)
    _, found = measure(lambda *t: _last_adds_up[(4,)](*t, N=8, PROGRAMS=4), x, parts, count, out)
    assert torch.allclose(out, x.sum(), atol=1e-5)
    assert found.races == 0


@triton.jit
def _partial(x, parts, n, N: tl.constexpr):
    p = tl.program_id(0)
    at = p * N + tl.arange(0, N)
    tl.store(parts + p, tl.sum(tl.load(x + at, mask=at < n, other=0.0), 0))


def test_partial_sums_that_nobody_wrote() -> None:
    x = torch.randn(20)

    def total(x: torch.Tensor, allocate, programs: int) -> torch.Tensor:
        parts = allocate(8)
        _partial[(programs,)](x, parts, 20, N=4)
        return parts.sum()

    assert measure(total, x, torch.empty, 5)[1].unwritten == 3
    assert measure(total, x, torch.empty, 8)[1].unwritten == 0
    assert measure(total, x, torch.zeros, 5)[1].unwritten == 0
    copied = measure(lambda x: total(x, lambda n: torch.empty(n).clone(), 5), x)[1]
    assert copied.unwritten == 3, "a copy of nothing is nothing"


@triton.jit
def _read(x, y, N: tl.constexpr):
    at = tl.arange(0, N)
    tl.store(y + at, tl.load(x + at))


def test_kernels_that_read_fresh_memory() -> None:
    def copy(written: int) -> torch.Tensor:
        x, y = torch.empty(16, dtype=torch.bfloat16), torch.empty(16, dtype=torch.bfloat16)
        x[:written] = 1.0
        _read[(1,)](x, y, N=16)
        return y

    assert [measure(copy, n)[1].unwritten for n in (16, 11, 0)] == [0, 5, 16]


def test_order_of_programs() -> None:
    def last_wins(x: torch.Tensor) -> torch.Tensor:
        y = torch.zeros(1)
        _shared[(4,)](x, y, MODE="write")
        return y

    x = torch.randn(10, 13)
    y, found = measure_order(softmax, x)
    assert found.order_dependent is False
    assert torch.equal(y, softmax(x))
    assert measure_order(last_wins, x)[1].order_dependent is True
    assert measure(last_wins, x)[1].order_dependent is None
    assert softmax(x).equal(y), "programs run in their own order again"


def test_everything_is_put_back() -> None:
    module = interpreter()
    before = {**vars(module.InterpreterBuilder)}, module._interpreter, module.GridExecutor.__call__
    with pytest.raises(RuntimeError, match="of its own"), metered():
        raise RuntimeError("of its own")
    after = {**vars(module.InterpreterBuilder)}, module._interpreter, module.GridExecutor.__call__
    assert before == after
    assert "set_grid_idx" not in vars(module.interpreter_builder)


def test_both_kinds_of_work_in_one_call_and_its_backward() -> None:
    class Doubled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x: torch.Tensor) -> torch.Tensor:
            return softmax(x) * 2

        @staticmethod
        def backward(ctx, dy: torch.Tensor) -> torch.Tensor:
            return softmax(dy)

    x = torch.randn(4, 8, requires_grad=True)
    c = torch.randn(4, 8)
    with metered({"x": x, "cotangent": c}) as meter:
        y = Doubled.apply(x)
        (gradient,) = torch.autograd.grad(y, x, c)
    found = meter.measurement((y, gradient))
    assert found.launches == 2
    assert found.of("x") == Traffic(read=128)
    assert found.of("cotangent") == Traffic(read=128)
    assert found.results == Traffic(written=256)
    assert found.fresh == Traffic(read=128, written=128)
