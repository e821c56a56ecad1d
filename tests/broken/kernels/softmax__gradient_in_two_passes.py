"""Backward, a row that would fit is read twice: for the inner product, for the result."""

import torch
from _interpreted import tl, triton

from conform_kernels.softmax import softmax as forward

CONFORM = {"promises": ["traffic"]}


@triton.jit
def _kernel(y, dy, dx, columns, stride_row, stride_col, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    y += row * columns
    dy += row * stride_row
    dot = 0.0
    for start in range(0, columns, BLOCK):
        at = start + tl.arange(0, BLOCK)
        p = tl.load(y + at, mask=at < columns, other=0.0).to(tl.float32)
        g = tl.load(dy + at * stride_col, mask=at < columns, other=0.0).to(tl.float32)
        dot += tl.sum(p * g, 0)
    for start in range(0, columns, BLOCK):
        at = start + tl.arange(0, BLOCK)
        p = tl.load(y + at, mask=at < columns, other=0.0).to(tl.float32)
        g = tl.load(dy + at * stride_col, mask=at < columns, other=0.0).to(tl.float32)
        tl.store(dx + row * columns + at, p * (g - dot), mask=at < columns)


class _Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        with torch.no_grad():
            y = forward(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, dy):
        (y,) = ctx.saved_tensors
        dx, flat = torch.empty_like(y), dy.reshape(-1, dy.shape[-1])
        if y.numel():
            _kernel[(flat.shape[0],)](y, flat, dx, flat.shape[1], *flat.stride(), BLOCK=32)
        return dx


def softmax(x):
    return _Softmax.apply(x)
