"""Norms of a sum: values and gradients at tile edges, in rows that fit a tile and that do not."""

from __future__ import annotations

import os

import pytest
import torch
import torch.nn.functional as F

os.environ.setdefault("TRITON_INTERPRET", "0" if torch.cuda.is_available() else "1")
pytest.importorskip("triton")

from conform_kernels import _config
from conform_kernels.add_layer_norm import add_layer_norm
from conform_kernels.add_rms_norm import add_rms_norm
from conform_kernels.rms_norm import rms_norm

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
WIDE = _config.row_tile(1 << 20).columns
TALL = _config.row_tile(8).rows


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    made = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return made.to(DEVICE).requires_grad_()


def inputs(rows: int, columns: int) -> tuple[torch.Tensor, ...]:
    return (randn(rows, columns), randn(rows, columns, seed=1), randn(columns, seed=2),
            randn(columns, seed=3))  # fmt: skip


@pytest.mark.parametrize("columns", [1, 8, WIDE - 1, WIDE, WIDE + 1, 3 * WIDE + 2])
@pytest.mark.parametrize("rows", [1, TALL, 2 * TALL + 1])
@pytest.mark.parametrize("centred", [False, True])
def test_values_and_gradients(columns: int, rows: int, centred: bool) -> None:
    x, residual, gamma, beta = inputs(rows, columns)
    total = x + residual
    if centred:
        found = add_layer_norm(x, residual, gamma, beta, eps=0.1)
        wanted = F.layer_norm(total, (columns,), gamma, beta, 0.1)
        asked = (x, residual, gamma, beta)
    else:
        found = add_rms_norm(x, residual, gamma, eps=0.1)
        wanted = F.rms_norm(total, (columns,), gamma, 0.1)
        asked = (x, residual, gamma)
    torch.testing.assert_close(found[0], wanted, rtol=1e-5, atol=1e-5)
    assert torch.equal(found[1], total)
    ups = (randn(rows, columns, seed=4).detach(), randn(rows, columns, seed=5).detach())
    pairs = zip(
        torch.autograd.grad(found, asked, ups), torch.autograd.grad((wanted, total), asked, ups),
        strict=True,
    )  # fmt: skip
    for a, b in pairs:
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_a_gradient_of_the_stream_alone_passes_bit_for_bit() -> None:
    x, residual, gamma, _ = inputs(5, 7)
    up = randn(5, 7, seed=6).detach()
    _, total = add_rms_norm(x, residual, gamma)
    grads = torch.autograd.grad(total, (x, residual, gamma), up, allow_unused=True)
    assert torch.equal(grads[0], up)
    assert torch.equal(grads[1], up)
    assert grads[2] is None


def test_a_gradient_of_the_norm_alone_is_that_of_the_norm() -> None:
    x, residual, gamma, _ = inputs(5, 7)
    up = randn(5, 7, seed=6).detach()
    stream = (x + residual).detach().requires_grad_()
    found = torch.autograd.grad(add_rms_norm(x, residual, gamma)[0], (x, residual), up)
    (wanted,) = torch.autograd.grad(rms_norm(stream, gamma), stream, up)
    assert torch.equal(found[0], wanted)
    assert torch.equal(found[1], wanted)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_stored_sum_is_what_is_normalised(dtype: torch.dtype) -> None:
    x, residual, gamma, _ = (t.detach().to(dtype) for t in inputs(9, 2 * WIDE + 3))
    normed, total = add_rms_norm(x, residual, gamma)
    assert torch.equal(total, (x.float() + residual.float()).to(dtype))
    assert torch.equal(normed, rms_norm(total, gamma))


def test_strided_and_expanded_inputs() -> None:
    x, residual = randn(6, 4).detach(), randn(4, 3, seed=1).detach().T
    gamma = torch.ones(4, device=DEVICE)
    row = residual[:1].expand(6, 4)
    for a, b in ((x, row), (row, x), (x.T.contiguous().T, row)):
        normed, total = add_rms_norm(a, b, gamma)
        assert torch.equal(total, a + b)
        torch.testing.assert_close(normed, F.rms_norm(a + b, (4,), gamma, 1e-6))


def test_no_rows() -> None:
    none, gamma = torch.empty(0, 4, device=DEVICE), torch.ones(4, device=DEVICE)
    assert [t.shape for t in add_layer_norm(none, none, gamma, gamma)] == [(0, 4), (0, 4)]


def test_wrong_arguments_are_refused() -> None:
    x, gamma = torch.zeros(2, 4, device=DEVICE), torch.ones(4, device=DEVICE)
    with pytest.raises(ValueError, match=r"residual\.shape=\(4,\); expected \(2, 4\)"):
        add_rms_norm(x, gamma, gamma)
    with pytest.raises(ValueError, match=r"residual\.dtype=torch\.float16; expected"):
        add_rms_norm(x, x.half(), gamma)
    with pytest.raises(ValueError, match=r"gamma\.shape=\(2, 4\); expected \(4\)"):
        add_rms_norm(x, x, x)
    with pytest.raises(ValueError, match=r"beta\.shape=\(3,\); expected \(4\)"):
        add_layer_norm(x, x, gamma, gamma[:3])
