"""The interpreter's bfloat16, mended: what kernels compute on a CPU is what they are written to."""

from __future__ import annotations

import os

import pytest
import torch

os.environ.setdefault("TRITON_INTERPRET", "0" if torch.cuda.is_available() else "1")
pytest.importorskip("triton")

import triton
import triton.language as tl

import conform_kernels

pytestmark = pytest.mark.skipif(
    not conform_kernels.interpreting(), reason="kernels are compiled here, not interpreted"
)


@triton.jit
def _arithmetic(a, b, out, n, N: tl.constexpr):
    at = tl.arange(0, N)
    x = tl.load(a + at, mask=at < n, other=1.5)
    y = tl.load(b + at, mask=at < n, other=2.5)
    tl.store(out + at, x * y + x, mask=at < n)
    tl.store(out + n + at, tl.abs(x) - y, mask=at < n)
    tl.store(out + 2 * n + at, tl.where(x > y, x, y), mask=at < n)


@triton.jit
def _narrow(a, out, N: tl.constexpr):
    at = tl.arange(0, N)
    tl.store(out + at, tl.load(a + at).to(tl.bfloat16))


@triton.jit
def _other(out, a, N: tl.constexpr):
    at = tl.arange(0, N)
    tl.store(out + at, tl.load(a + at, mask=at < 0, other=1.0 + 1 / 256))


@triton.jit
def _product(a, b, out, N: tl.constexpr):
    at = tl.arange(0, N)
    where = at[:, None] * N + at[None, :]
    out_tile = tl.dot(tl.load(a + where), tl.load(b + where), input_precision="ieee")
    tl.store(out + where, out_tile)


@triton.jit
def _sums(a, out, N: tl.constexpr):
    x = tl.load(a + tl.arange(0, N))
    tl.store(out, tl.sum(x.to(tl.float32), 0))
    tl.store(out + 1, tl.max(x, 0).to(tl.float32))


def test_arithmetic_is_that_of_bfloat16() -> None:
    a, b = torch.randn(2, 60, generator=torch.Generator().manual_seed(0)).bfloat16()
    out = torch.empty(3, 60, dtype=torch.bfloat16)
    _arithmetic[(1,)](a, b, out, 60, N=64)
    wanted = torch.stack([a * b + a, a.abs() - b, torch.maximum(a, b)])
    assert torch.equal(out, wanted)


def test_rounding_is_to_nearest_even_everywhere() -> None:
    bits = torch.arange(2**16, dtype=torch.int32)
    upper = torch.stack([bits, bits, bits, bits]).flatten() << 16
    lower = torch.tensor([0, 0x7FFF, 0x8000, 0x8001], dtype=torch.int32).repeat_interleave(2**16)
    wide = (upper | lower).view(torch.float32)
    out = torch.empty(wide.shape, dtype=torch.bfloat16)
    _narrow[(1,)](wide, out, N=wide.numel())
    wanted = wide.bfloat16()
    same = (out.view(torch.int16) == wanted.view(torch.int16)) | (out.isnan() & wanted.isnan())
    assert same.all()


def test_values_of_masked_lanes_are_rounded_too() -> None:
    out = torch.empty(16, dtype=torch.bfloat16)
    _other[(1,)](out, out.clone(), N=16)
    assert out.eq(1.0).all()


def test_products_accumulate_in_float32() -> None:
    a, b = torch.randn(2, 16, 16, generator=torch.Generator().manual_seed(1)).bfloat16()
    out = torch.empty(16, 16)
    _product[(1,)](a, b, out, N=16)
    torch.testing.assert_close(out, a.float() @ b.float(), rtol=1e-6, atol=1e-6)


def test_reductions() -> None:
    a = torch.tensor([1.0, -3.0, 0.5, 2.0]).bfloat16()
    out = torch.empty(2)
    _sums[(1,)](a, out, N=4)
    assert out.tolist() == [0.5, 2.0]


def test_nothing_is_written_beside_the_result() -> None:
    buffer = torch.full((3, 18), 7.0).bfloat16()
    _narrow[(1,)](torch.ones(16), buffer[1, 1:17], N=16)
    assert buffer[1, 1:17].eq(1).all()
    assert buffer[0].eq(7).all()
    assert buffer[2].eq(7).all()
    assert buffer[1, 0] == 7
    assert buffer[1, 17] == 7
