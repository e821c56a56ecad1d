"""DoRA: a linear map whose rows are normed after a low-rank update, which is never stored."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from conform_kernels._checks import as_rows, check_floats, check_shape
from conform_kernels._config import column_splits, low_rank_tile, padded_head
from conform_kernels._matmul import tile
from conform_kernels.lora_linear import LARGEST_RANK

__all__ = ["dora_linear"]


@triton.jit
def _row_squares(
    weight, down, up, squares, sizes, scale, strides,
    OUT: tl.constexpr, IN: tl.constexpr, RANK: tl.constexpr,
):  # fmt: skip
    """Sums of squares of rows of weight + scale up down, over one split of the columns.

    sizes = (out, in, rank, columns a split); squares float32[splits, out]. weight is read once;
    the update is a product in registers.
    """
    tiles = tl.cdiv(sizes[0], OUT)
    split = tl.program_id(0) // tiles
    out = (tl.program_id(0) % tiles).to(tl.int64) * OUT + tl.arange(0, OUT)
    rank = tl.arange(0, RANK).to(tl.int64)
    b = tile(up, out, rank, sizes[0], sizes[2], strides[2])
    total = tl.zeros([OUT], tl.float32)
    for start in range(split * sizes[3], tl.minimum((split + 1) * sizes[3], sizes[1]), IN):
        at = start + tl.arange(0, IN).to(tl.int64)
        a = tile(down, rank, at, sizes[2], sizes[1], strides[1])
        row = tile(weight, out, at, sizes[0], sizes[1], strides[0]).to(tl.float32)
        row += scale * tl.dot(b, a, input_precision="ieee")
        total += tl.sum(row * row, 1)
    tl.store(squares + split.to(tl.int64) * sizes[0] + out, total, mask=out < sizes[0])


@triton.jit
def _scaled_linear(
    x, weight, down, up, gain_in, gain_out, dy, y, sizes, scale, strides,
    ROWS: tl.constexpr, OUT: tl.constexpr, IN: tl.constexpr, RANK: tl.constexpr,
):  # fmt: skip
    """y = gain_out (x' weight^T + scale (x' down^T) up^T), x' = gain_in x, for a tile of y.

    gain_in float32[in] and gain_out float32[out] may be None. With dy[rows, out], y is
    float32[row tiles, out] instead: the sums over each tile's rows of the product with dy. sizes =
    (rows, out, in, rank); strides = those of x, weight[out, in], down[rank, in], up[out, rank], dy;
    y is contiguous. x is read once for both products; x down^T stays in registers.
    """
    tiles = tl.cdiv(sizes[1], OUT)
    row_tile = (tl.program_id(0) // tiles).to(tl.int64)
    row = row_tile * ROWS + tl.arange(0, ROWS)
    out = (tl.program_id(0) % tiles).to(tl.int64) * OUT + tl.arange(0, OUT)
    rank = tl.arange(0, RANK).to(tl.int64)
    acc = tl.zeros([ROWS, OUT], tl.float32)
    inner = tl.zeros([ROWS, RANK], tl.float32)
    for start in range(0, sizes[2], IN):
        at = start + tl.arange(0, IN).to(tl.int64)
        part = tile(x, row, at, sizes[0], sizes[2], strides[0])
        if gain_in is not None:
            gain = tl.load(gain_in + at, mask=at < sizes[2], other=0.0)
            part = (part.to(tl.float32) * gain[None, :]).to(part.dtype)
        w = tile(weight, out, at, sizes[1], sizes[2], strides[1])
        a = tile(down, rank, at, sizes[3], sizes[2], strides[2])
        acc = tl.dot(part, tl.trans(w), acc, input_precision="ieee")
        inner = tl.dot(part, tl.trans(a), inner, input_precision="ieee")
    b = tile(up, out, rank, sizes[1], sizes[3], strides[3])
    acc += scale * tl.dot(inner.to(b.dtype), tl.trans(b), input_precision="ieee")
    if gain_out is not None:
        acc = acc * tl.load(gain_out + out, mask=out < sizes[1], other=0.0)[None, :]
    if dy is not None:
        acc = acc * tile(dy, row, out, sizes[0], sizes[1], strides[4]).to(tl.float32)
        tl.store(y + row_tile * sizes[1] + out, tl.sum(acc, 0), mask=out < sizes[1])
    else:
        keep = (row < sizes[0])[:, None] & (out < sizes[1])[None, :]
        tl.store(y + row[:, None] * sizes[1] + out[None, :], acc, mask=keep)


def _norms(weight: Tensor, down: Tensor, up: Tensor, scale: float) -> Tensor:
    """Norms of the rows of weight + scale up down, 1 for rows of zeros: float32[out]."""
    (out, columns), rank = weight.shape, down.shape[0]
    size = low_rank_tile(rank, weight.element_size())
    tiles = triton.cdiv(out, size.rows)
    share = column_splits(weight, tiles, columns, size.inner)
    splits = triton.cdiv(columns, share)
    squares = torch.empty(splits, out, dtype=torch.float32, device=weight.device)
    if squares.numel():
        _row_squares[(tiles * splits,)](
            weight, down, up, squares, (out, columns, rank, share), scale,
            (weight.stride(), down.stride(), up.stride()),
            OUT=size.rows, IN=size.inner, RANK=padded_head(rank),
            num_warps=size.num_warps, num_stages=size.num_stages,
        )  # fmt: skip
    square = squares.sum(0)
    return torch.where(square == 0, 1.0, square.sqrt())


def _launch(
    x: Tensor, weight: Tensor, down: Tensor, up: Tensor, scale: float,
    gain_in: Tensor | None = None, gain_out: Tensor | None = None, dy: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """x[rows, in] by weight[out, in] and the update -> [rows, out], or sums over rows [out]."""
    sizes = (x.shape[0], weight.shape[0], weight.shape[1], down.shape[0])
    size = low_rank_tile(sizes[3], x.element_size())
    row_tiles = triton.cdiv(sizes[0], size.rows)
    if dy is None:
        y = torch.empty(sizes[0], sizes[1], dtype=x.dtype, device=x.device)
    else:
        y = torch.empty(row_tiles, sizes[1], dtype=torch.float32, device=x.device)
    if y.numel():
        _scaled_linear[(row_tiles * triton.cdiv(sizes[1], size.columns),)](
            x, weight, down, up, gain_in, gain_out, dy, y, sizes, scale,
            (*(t.stride() for t in (x, weight, down, up)), (0, 0) if dy is None else dy.stride()),
            ROWS=size.rows, OUT=size.columns, IN=size.inner, RANK=padded_head(sizes[3]),
            num_warps=size.num_warps, num_stages=size.num_stages,
        )  # fmt: skip
    return y if dy is None else y.sum(0)


class _DoraLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, W0, A, B, magnitude, scale: float) -> Tensor:
        norms = _norms(W0, A, B, scale)
        ctx.save_for_backward(x, W0, A, B, magnitude, norms)
        ctx.scale = scale
        y = _launch(as_rows(x), W0, A, B, scale, gain_out=magnitude.to(torch.float32) / norms)
        return y.reshape(*x.shape[:-1], W0.shape[0])

    @staticmethod
    def backward(ctx, dy: Tensor) -> tuple[Tensor | None, ...]:
        """With V = W0 + scale B A, n its rows' norms and r = magnitude / n: dV = r G + c V, where G
        is the gradient of x V^T's weight and c = -<G, V> r / n^2 what comes through the norm."""
        x, W0, A, B, magnitude, norms = ctx.saved_tensors
        rows, up, scale, need = as_rows(x), as_rows(dy), ctx.scale, ctx.needs_input_grad
        ratio = magnitude.to(torch.float32) / norms
        dx = dW0 = dA = dB = dm = None
        if need[0]:
            dx = _launch(up, W0.t(), B.t(), A.t(), scale, gain_in=ratio).reshape(x.shape)
        if any(need[1:5]):
            along = _launch(rows, W0, A, B, scale, dy=up)  # <G, V> of each output
            dm = (along / norms).to(magnitude.dtype)
        if any(need[1:4]):
            through = (-along * ratio / norms.square()).to(x.dtype)[:, None]
            up = (up * ratio).to(x.dtype)
            if need[1]:
                dW0 = up.t() @ rows + through * (W0 + scale * (B @ A))
            if need[2]:
                held = (through * B).t()
                dA = scale * ((up @ B).t() @ rows + held @ W0 + scale * (held @ B) @ A)
            if need[3]:
                held = W0 @ A.t() + scale * B @ (A @ A.t())
                dB = scale * (up.t() @ (rows @ A.t()) + through * held)
        return dx, dW0, dA, dB, dm, None


def dora_linear(
    x: Tensor, W0: Tensor, A: Tensor, B: Tensor, magnitude: Tensor, *, alpha: float
) -> Tensor:
    """x (magnitude V / ||V||)^T, V = W0 + (alpha / r) B A, the norm over `in`: -> [..., out].

    x[..., in], W0[out, in], A[r, in], B[out, r], magnitude[out] of one dtype (float32, bfloat16,
    float16), any strides, r up to 256. Neither V nor x A^T is stored; norms and sums are float32.
    An output whose V is zero gives zero. Gradients are exact, through the norm as well (the paper's
    section 4.3 detaches it): those of x and of the magnitude from the same kernel, those of W0, A
    and B from products of torch, each only where it is asked. Source: Liu et al. 2024,
    arXiv:2402.09353, eq. 5.
    """
    check_floats(x=x, W0=W0, A=A, B=B, magnitude=magnitude)
    if x.dim() == 0 or A.dim() != 2:
        raise ValueError(
            f"x.shape={tuple(x.shape)}, A.shape={tuple(A.shape)}; expected (..., in), (r, in)"
        )
    check_shape("W0", W0, (None, x.shape[-1]))
    check_shape("A", A, (None, x.shape[-1]))
    check_shape("B", B, (W0.shape[0], A.shape[0]))
    check_shape("magnitude", magnitude, (W0.shape[0],))
    if not 1 <= A.shape[0] <= LARGEST_RANK:
        raise ValueError(f"r={A.shape[0]}; expected 1 to {LARGEST_RANK}")
    return _DoraLinear.apply(x, W0, A, B, magnitude, alpha / A.shape[0])
