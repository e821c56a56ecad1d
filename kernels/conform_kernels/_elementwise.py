"""One activation, element by element, forward and backward."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from conform_kernels._activate import activate, slope
from conform_kernels._checks import check_floats
from conform_kernels._config import flat_tile


@triton.jit
def forward_kernel(x, y, count, stride, beta, KIND: tl.constexpr, BLOCK: tl.constexpr):
    """y = KIND(x); y is contiguous."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + at * stride, mask=at < count, other=0.0).to(tl.float32)
    tl.store(y + at, activate(v, beta, KIND), mask=at < count)


@triton.jit
def backward_kernel(
    x, dy, dx, count, stride, stride_dy, beta, KIND: tl.constexpr, BLOCK: tl.constexpr
):
    """dx = dy KIND'(x); dx is contiguous."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + at * stride, mask=at < count, other=0.0).to(tl.float32)
    d = tl.load(dy + at * stride_dy, mask=at < count, other=0.0).to(tl.float32)
    tl.store(dx + at, d * slope(v, beta, KIND), mask=at < count)


class Activation(torch.autograd.Function):
    """Elementwise `kind`; the input is kept for the way back."""

    @staticmethod
    def forward(ctx, x: Tensor, kind: str, beta: float) -> Tensor:
        """One read and one write an element."""
        y = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        ctx.save_for_backward(x)
        ctx.kind, ctx.beta = kind, beta
        if x.numel():
            flat, tile = x.reshape(-1), flat_tile()
            forward_kernel[(triton.cdiv(flat.numel(), tile.elements),)](
                flat, y, flat.numel(), flat.stride(0), beta,
                KIND=kind, BLOCK=tile.elements, num_warps=tile.num_warps,
            )  # fmt: skip
        return y

    @staticmethod
    def backward(ctx, dy: Tensor) -> tuple[Tensor, None, None]:
        """Two reads and one write an element."""
        (x,) = ctx.saved_tensors
        dx = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        if x.numel():
            flat, flat_dy, tile = x.reshape(-1), dy.reshape(-1), flat_tile()
            backward_kernel[(triton.cdiv(flat.numel(), tile.elements),)](
                flat, flat_dy, dx, flat.numel(), flat.stride(0), flat_dy.stride(0), ctx.beta,
                KIND=ctx.kind, BLOCK=tile.elements, num_warps=tile.num_warps,
            )  # fmt: skip
        return dx, None, None


def elementwise(x: Tensor, kind: str, beta: float = 1.0) -> Tensor:
    """Check the argument, then `Activation`."""
    check_floats(x=x)
    return Activation.apply(x, kind, float(beta))
