"""A row that would fit is read three times: for the maximum, for the sum, for the result."""

import torch
from _interpreted import tl, triton

CONFORM = {"promises": ["traffic"]}


@triton.jit
def _kernel(x, y, columns, stride_row, stride_col, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    x += row * stride_row
    top = -float("inf")
    for start in range(0, columns, BLOCK):
        at = start + tl.arange(0, BLOCK)
        v = tl.load(x + at * stride_col, mask=at < columns, other=-float("inf"))
        top = tl.maximum(top, tl.max(v.to(tl.float32), 0))
    total = 0.0
    for start in range(0, columns, BLOCK):
        at = start + tl.arange(0, BLOCK)
        v = tl.load(x + at * stride_col, mask=at < columns, other=-float("inf"))
        total += tl.sum(tl.exp(v.to(tl.float32) - top), 0)
    for start in range(0, columns, BLOCK):
        at = start + tl.arange(0, BLOCK)
        v = tl.load(x + at * stride_col, mask=at < columns, other=0.0).to(tl.float32)
        tl.store(y + row * columns + at, tl.exp(v - top) / total, mask=at < columns)


def softmax(x):
    flat = x.reshape(-1, x.shape[-1])
    y = torch.empty(flat.shape, dtype=x.dtype)
    if x.numel():
        _kernel[(flat.shape[0],)](flat, y, x.shape[-1], *flat.stride(), BLOCK=32)
    return y.reshape(x.shape)
