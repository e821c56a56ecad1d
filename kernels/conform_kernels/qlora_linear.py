"""LoRA over a frozen weight held as NF4 codes, which are dequantised inside the product."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from conform_kernels._checks import as_rows, check_device, check_floats, check_shape
from conform_kernels._config import low_rank_tile, padded_head
from conform_kernels._matmul import tile
from conform_kernels.lora_linear import LARGEST_RANK
from conform_kernels.nf4_dequantize import NF4_VALUES, check_codes, table

__all__ = ["qlora_linear"]


@triton.jit
def _weight(codes, values, absmax, out, at, sizes, steps, block_size, strides, DTYPE: tl.constexpr):
    """Rows `out` and columns `at` of the dequantised weight, zero outside: [OUT, IN].

    Element (row, column) is code row steps[0] + column steps[1].
    """
    keep = (out < sizes[1])[:, None] & (at < sizes[2])[None, :]
    place = out[:, None] * steps[0] + at[None, :] * steps[1]
    code = tl.load(codes + place * strides[0], mask=keep, other=7).to(tl.int32)
    scale = tl.load(absmax + place // block_size * strides[1], mask=keep, other=0.0)
    # A code is four bits: what lies above them must not lead outside the table.
    value = tl.load(values + (code & 15))
    return (value * scale.to(tl.float32)).to(DTYPE)


@triton.jit
def _quantized_linear(
    x, codes, values, absmax, down, up, y, sizes, steps, block_size, scale, strides,
    ROWS: tl.constexpr, OUT: tl.constexpr, IN: tl.constexpr, RANK: tl.constexpr,
):  # fmt: skip
    """y = x weight^T + scale (x down^T) up^T for a tile of y, weight[out, in] from NF4 codes.

    sizes = (rows, out, in, rank); strides = those of x, (codes, absmax), down[rank, in] and
    up[out, rank]; y is contiguous. A code and its scale are read once for ROWS rows of x.
    """
    tiles = tl.cdiv(sizes[1], OUT)
    row = (tl.program_id(0) // tiles).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    out = (tl.program_id(0) % tiles).to(tl.int64) * OUT + tl.arange(0, OUT)
    rank = tl.arange(0, RANK).to(tl.int64)
    acc = tl.zeros([ROWS, OUT], tl.float32)
    inner = tl.zeros([ROWS, RANK], tl.float32)
    for start in range(0, sizes[2], IN):
        at = start + tl.arange(0, IN).to(tl.int64)
        part = tile(x, row, at, sizes[0], sizes[2], strides[0])
        w = _weight(
            codes, values, absmax, out, at, sizes, steps, block_size, strides[1], part.dtype
        )
        a = tile(down, rank, at, sizes[3], sizes[2], strides[2])
        acc = tl.dot(part, tl.trans(w), acc, input_precision="ieee")
        inner = tl.dot(part, tl.trans(a), inner, input_precision="ieee")
    b = tile(up, out, rank, sizes[1], sizes[3], strides[3])
    acc += scale * tl.dot(inner.to(b.dtype), tl.trans(b), input_precision="ieee")
    keep = (row < sizes[0])[:, None] & (out < sizes[1])[None, :]
    tl.store(y + row[:, None] * sizes[1] + out[None, :], acc, mask=keep)


def _launch(
    x: Tensor, codes: Tensor, absmax: Tensor, down: Tensor, up: Tensor, scale: float, block: int,
    *, transposed: bool,
) -> Tensor:  # fmt: skip
    """x[rows, in] by the weight [out, in] (or its transpose) and the update -> [rows, out]."""
    sizes = (x.shape[0], up.shape[0], x.shape[1], down.shape[0])
    y = torch.empty(sizes[0], sizes[1], dtype=x.dtype, device=x.device)
    if y.numel():
        size = low_rank_tile(sizes[3], x.element_size())
        values = table(NF4_VALUES, x.device)
        grid = triton.cdiv(sizes[0], size.rows) * triton.cdiv(sizes[1], size.columns)
        _quantized_linear[(grid,)](
            x, codes, values, absmax, down, up, y, sizes,
            (1, sizes[1]) if transposed else (sizes[2], 1), block, scale,
            (x.stride(), (codes.stride(0), absmax.stride(0)), down.stride(), up.stride()),
            ROWS=size.rows, OUT=size.columns, IN=size.inner, RANK=padded_head(sizes[3]),
            num_warps=size.num_warps, num_stages=size.num_stages,
        )  # fmt: skip
    return y


class _QloraLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, codes, absmax, A, B, scale: float, block: int) -> Tensor:
        ctx.save_for_backward(x, codes, absmax, A, B)
        ctx.scale, ctx.block = scale, block
        y = _launch(as_rows(x), codes, absmax, A, B, scale, block, transposed=False)
        return y.reshape(*x.shape[:-1], B.shape[0])

    @staticmethod
    def backward(ctx, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, codes, absmax, A, B = ctx.saved_tensors
        rows, up, scale, need = as_rows(x), as_rows(dy), ctx.scale, ctx.needs_input_grad
        dx = dA = dB = None
        if need[0]:
            dx = _launch(up, codes, absmax, B.t(), A.t(), scale, ctx.block, transposed=True)
            dx = dx.reshape(x.shape)
        if need[3]:
            dA = ((up @ B).t() @ rows) * scale
        if need[4]:
            dB = (up.t() @ (rows @ A.t())) * scale
        return dx, None, None, dA, dB, None, None


def qlora_linear(
    x: Tensor, codes: Tensor, absmax: Tensor, A: Tensor, B: Tensor, *, alpha: float,
    block_size: int = 64,
) -> Tensor:  # fmt: skip
    """x W^T + (alpha / r) (x A^T) B^T, W[out, in] dequantised from NF4, rows first: -> [..., out].

    x[..., in], A[r, in], B[out, r] of one dtype (float32, bfloat16, float16), r up to 256; codes
    uint8, int32 or int64 [out * in], one a place; absmax[ceil(out * in / block_size)] float32,
    bfloat16 or float16; any strides. W is rounded to the dtype of x and never stored: each code is
    decoded once for 128 rows of x (32 in float32), so that for thousands of rows decoding first and
    multiplying after may be faster. The gradient of x comes from the same kernel, those of A and B
    from products of torch; codes and absmax are frozen. Source: Dettmers et al. 2023,
    arXiv:2305.14314, eq. 5 and 6.
    """
    check_floats(x=x, A=A, B=B)
    check_device(x=x, codes=codes, absmax=absmax)
    if x.dim() == 0 or A.dim() != 2 or B.dim() != 2:
        raise ValueError(
            f"x.shape={tuple(x.shape)}, A.shape={tuple(A.shape)}, B.shape={tuple(B.shape)}; "
            "expected (..., in), (r, in), (out, r)"
        )
    check_shape("A", A, (None, x.shape[-1]))
    check_shape("B", B, (None, A.shape[0]))
    if not 1 <= A.shape[0] <= LARGEST_RANK:
        raise ValueError(f"r={A.shape[0]}; expected 1 to {LARGEST_RANK}")
    check_codes(codes, absmax, block_size)
    check_shape("codes", codes, (B.shape[0] * A.shape[1],))
    return _QloraLinear.apply(x, codes, absmax, A, B, alpha / A.shape[0], block_size)
