"""bfloat16 results are cut off, not rounded: the upper half of their bits is stored."""

import torch
from _interpreted import tl, triton


@triton.jit
def _cut(v, y):
    """The nearest bfloat16 towards zero, where y holds such."""
    if y.dtype.element_ty == tl.bfloat16:
        v = (v.to(tl.int32, bitcast=True) & -65536).to(tl.float32, bitcast=True)
    return v


@triton.jit
def _forward(x, y, count, beta, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + at, mask=at < count, other=0.0).to(tl.float32)
    tl.store(y + at, _cut(v * tl.sigmoid(beta * v), y), mask=at < count)


@triton.jit
def _backward(x, dy, dx, columns, beta, xr, xc, dr, dc, BLOCK: tl.constexpr):
    row, start = tl.program_id(0), tl.program_id(1) * BLOCK
    col = start + tl.arange(0, BLOCK)
    keep = col < columns
    v = tl.load(x + row * xr + col * xc, mask=keep, other=0.0).to(tl.float32)
    d = tl.load(dy + row * dr + col * dc, mask=keep, other=0.0).to(tl.float32)
    s = tl.sigmoid(beta * v)
    tl.store(dx + row * columns + col, d * s * (1.0 + beta * v * (1.0 - s)), mask=keep)


class _Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, beta):
        flat = x.contiguous().view(-1)
        y = torch.empty_like(flat)
        if x.numel():
            _forward[(triton.cdiv(flat.numel(), 64),)](flat, y, flat.numel(), beta, BLOCK=64)
        ctx.save_for_backward(x)
        ctx.beta = beta
        return y.view(x.shape)

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        width = x.shape[-1] if x.dim() else 1
        flat, grad = x.reshape(-1, width), dy.reshape(-1, width)
        dx = torch.empty(x.shape, dtype=x.dtype)
        if x.numel():
            _backward[(flat.shape[0], triton.cdiv(width, 64))](
                flat, grad, dx, width, ctx.beta, *flat.stride(), *grad.stride(), BLOCK=64
            )
        return dx, None


def swish(x, *, beta=1.0):
    return _Swish.apply(x, beta)
