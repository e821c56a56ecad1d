"""A linear map with a low-rank update, in one kernel; its input's gradient by the same kernel."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from conform_kernels._checks import as_rows, check_floats, check_shape
from conform_kernels._config import matmul_tile, padded_head
from conform_kernels._matmul import tile

__all__ = ["lora_linear"]

LARGEST_RANK = 256


@triton.jit
def _linear(
    x, weight, down, up, y, sizes, scale, strides,
    ROWS: tl.constexpr, OUT: tl.constexpr, IN: tl.constexpr, RANK: tl.constexpr,
):  # fmt: skip
    """y = x weight^T + scale (x down^T) up^T for a tile of y.

    sizes = (rows, out, in, rank); strides = those of x, weight[out, in], down[rank, in] and
    up[out, rank]; y is contiguous. x is read once for both products; x down^T stays in registers
    and is rounded to the inputs' dtype for its product with up.
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
        w = tile(weight, out, at, sizes[1], sizes[2], strides[1])
        a = tile(down, rank, at, sizes[3], sizes[2], strides[2])
        acc = tl.dot(part, tl.trans(w), acc, input_precision="ieee")
        inner = tl.dot(part, tl.trans(a), inner, input_precision="ieee")
    b = tile(up, out, rank, sizes[1], sizes[3], strides[3])
    update = tl.dot(inner.to(b.dtype), tl.trans(b), input_precision="ieee")
    where = y + row[:, None] * sizes[1] + out[None, :]
    keep = (row < sizes[0])[:, None] & (out < sizes[1])[None, :]
    tl.store(where, acc + scale * update, mask=keep)


def _launch(x: Tensor, weight: Tensor, down: Tensor, up: Tensor, scale: float) -> Tensor:
    """x[rows, in] by weight[out, in], down[rank, in], up[out, rank] -> [rows, out]."""
    sizes = (x.shape[0], weight.shape[0], weight.shape[1], down.shape[0])
    y = torch.empty(sizes[0], sizes[1], dtype=x.dtype, device=x.device)
    if y.numel():
        size = matmul_tile(x.element_size())
        _linear[(triton.cdiv(sizes[0], size.rows) * triton.cdiv(sizes[1], size.columns),)](
            x, weight, down, up, y, sizes, scale,
            (x.stride(), weight.stride(), down.stride(), up.stride()),
            ROWS=size.rows, OUT=size.columns, IN=size.inner, RANK=padded_head(sizes[3]),
            num_warps=size.num_warps, num_stages=size.num_stages,
        )  # fmt: skip
    return y


class _LoraLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, W0: Tensor, A: Tensor, B: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(x, W0, A, B)
        ctx.scale = scale
        return _launch(as_rows(x), W0, A, B, scale).reshape(*x.shape[:-1], W0.shape[0])

    @staticmethod
    def backward(ctx, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, W0, A, B = ctx.saved_tensors
        rows, up, scale = as_rows(x), as_rows(dy), ctx.scale
        need = ctx.needs_input_grad
        dx = _launch(up, W0.t(), B.t(), A.t(), scale).reshape(x.shape) if need[0] else None
        dW0 = up.t() @ rows if need[1] else None
        dA = ((up @ B).t() @ rows) * scale if need[2] else None
        dB = (up.t() @ (rows @ A.t())) * scale if need[3] else None
        return dx, dW0, dA, dB, None


def lora_linear(x: Tensor, W0: Tensor, A: Tensor, B: Tensor, *, alpha: float) -> Tensor:
    """x W0^T + (alpha / r) (x A^T) B^T: x[..., in], W0[out, in], A[r, in], B[out, r] -> [..., out].

    One dtype (float32, bfloat16, float16), any strides, r up to 256. Neither the update nor x A^T
    is stored. The gradient of x comes from the same kernel, those of W0, A and B from products of
    torch, each only where it is asked. Source: Hu et al. 2021, arXiv:2106.09685.
    """
    check_floats(x=x, W0=W0, A=A, B=B)
    if x.dim() == 0 or A.dim() != 2:
        raise ValueError(
            f"x.shape={tuple(x.shape)}, A.shape={tuple(A.shape)}; expected (..., in), (r, in)"
        )
    check_shape("W0", W0, (None, x.shape[-1]))
    check_shape("A", A, (None, x.shape[-1]))
    check_shape("B", B, (W0.shape[0], A.shape[0]))
    if not 1 <= A.shape[0] <= LARGEST_RANK:
        raise ValueError(f"r={A.shape[0]}; expected 1 to {LARGEST_RANK}")
    return _LoraLinear.apply(x, W0, A, B, alpha / A.shape[0])
