"""What compiled kernels have and the interpreter lacks: library functions, atomics, tuning."""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch

os.environ.setdefault("TRITON_INTERPRET", "0" if torch.cuda.is_available() else "1")
pytest.importorskip("triton")

import triton
import triton.language as tl
from triton.language.extra import libdevice
from triton.language.extra.cuda.libdevice import erf, fast_expf
from triton.language.extra.libdevice import pow, rsqrt, tanh

import conform_kernels
from conform.measure.meter import Meter
from conform_kernels._library import _function

pytestmark = pytest.mark.skipif(
    not conform_kernels.interpreting(), reason="kernels are compiled here, not interpreted"
)
renamed = libdevice.exp


@triton.jit
def _library(x, y, N: tl.constexpr):
    at = tl.arange(0, N)
    v = tl.load(x + at)
    tl.store(y + at, tanh(v))
    tl.store(y + N + at, erf(v))
    tl.store(y + 2 * N + at, renamed(v) - fast_expf(v))
    tl.store(y + 3 * N + at, libdevice.floor(v))
    tl.store(y + 4 * N + at, pow(tl.abs(v), 2.5))
    tl.store(y + 5 * N + at, v * rsqrt(tl.sum(v * v, 0)))


@triton.jit
def _add(total, places, values, before, N: tl.constexpr):
    at = tl.arange(0, N)
    old = tl.atomic_add(total + tl.load(places + at), tl.load(values + at), mask=at < N - 1)
    tl.store(before + at, old)


@triton.autotune([triton.Config({"N": 4}), triton.Config({"N": 8})], key=["count"])
@triton.jit
def _tuned(x, count, N: tl.constexpr):
    at = tl.program_id(0) * N + tl.arange(0, N)
    tl.store(x + at, tl.load(x + at, mask=at < count) + 1.0, mask=at < count)


@triton.jit
def _shifted(x, y, shift, N: tl.constexpr):
    at = tl.arange(0, N)
    tl.store(y + at, tl.load(x + at) + shift.to(tl.float32) + shift)


def test_a_float_argument_is_cast_as_a_tensor_is() -> None:
    x, y = torch.arange(4.0), torch.zeros(4)
    _shifted[(1,)](x, y, 0.25, N=4)
    assert torch.equal(y, x + 0.5)


def test_functions_of_the_library_by_any_name() -> None:
    x, y = torch.randn(8), torch.zeros(6, 8)
    _library[(1,)](x, y, N=8)
    right = [x.tanh(), x.erf(), 0 * x, x.floor(), x.abs() ** 2.5, x * (x * x).sum().rsqrt()]
    torch.testing.assert_close(y, torch.stack(right))


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("__nv_erff", "erf"),
        ("__nv_erf", "erf"),
        ("__nv_fdiv_rn", "div"),
        ("__ocml_tanh_f32", "tanh"),
    ],
)
def test_symbols(symbol: str, name: str) -> None:
    assert _function(symbol) is getattr(torch, name)


def test_an_unknown_symbol_is_told() -> None:
    with pytest.raises(NotImplementedError, match="__nv_ffs"):
        _function("__nv_ffs")


def test_bfloat16_adds_up_lane_by_lane() -> None:
    places = torch.tensor([0, 0, 1, 2, 2, 2, 1, 0])
    total, before = torch.zeros(4, dtype=torch.bfloat16), torch.zeros(8, dtype=torch.bfloat16)
    _add[(2,)](total, places, torch.arange(8).bfloat16(), before, N=8)
    assert total.tolist() == [2, 16, 24, 0]
    assert before.tolist()[:7] == [1, 1, 8, 12, 15, 19, 10]


def test_tuning_runs_the_first_configuration_once_before() -> None:
    x = torch.zeros(3)
    _tuned[lambda meta: (triton.cdiv(3, meta["N"]),)](x, 3)
    assert x.tolist() == [2, 2, 2]
    assert _tuned.best_config.kwargs == {"N": 4}
    _tuned[lambda meta: (triton.cdiv(3, meta["N"]),)](x, 3)
    assert x.tolist() == [3, 3, 3]


@pytest.mark.parametrize("grid", [[2], lambda _: [2], (2,)])
def test_a_grid_may_be_a_list(grid: Any) -> None:
    total, old = torch.zeros(2, 4, dtype=torch.bfloat16).unbind()
    _add[grid](total, torch.zeros(4, dtype=torch.int64), torch.ones(4).bfloat16(), old, N=4)
    assert total[0] == 6


def test_the_meter_leaves_tuning_out() -> None:
    x, meter = torch.zeros(5), Meter()
    with meter.running():
        _tuned[lambda meta: (triton.cdiv(5, meta["N"]),)](x, 5)
    assert meter.measurement(()).launches == 1
    assert x.tolist() == [1, 1, 1, 1, 1]
