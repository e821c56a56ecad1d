"""The squares are written to memory and summed from there by a second kernel."""

import torch
from _interpreted import tl, triton

CONFORM = {"promises": ["traffic"]}


@triton.jit
def _square(x, out, columns, stride_row, stride_col, BLOCK: tl.constexpr):
    row, at = tl.program_id(0), tl.arange(0, BLOCK)
    v = tl.load(x + row * stride_row + at * stride_col, mask=at < columns, other=0.0)
    v = v.to(tl.float32)
    tl.store(out + row * columns + at, v * v, mask=at < columns)


@triton.jit
def _scale(x, squares, gamma, y, columns, stride_row, stride_col, eps, BLOCK: tl.constexpr):
    row, at = tl.program_id(0), tl.arange(0, BLOCK)
    keep = at < columns
    total = tl.sum(tl.load(squares + row * columns + at, mask=keep, other=0.0), 0)
    v = tl.load(x + row * stride_row + at * stride_col, mask=keep, other=0.0).to(tl.float32)
    g = tl.load(gamma + at, mask=keep, other=0.0).to(tl.float32)
    tl.store(y + row * columns + at, v / tl.sqrt(total / columns + eps) * g, mask=keep)


def rms_norm(x, gamma, *, eps=1e-6):
    flat, block = x.reshape(-1, x.shape[-1]), triton.next_power_of_2(x.shape[-1])
    squares = torch.empty(flat.shape)
    y = torch.empty(flat.shape, dtype=x.dtype)
    grid, columns = (flat.shape[0],), x.shape[-1]
    _square[grid](flat, squares, columns, *flat.stride(), BLOCK=block)
    _scale[grid](flat, squares, gamma.contiguous(), y, columns, *flat.stride(), eps, BLOCK=block)
    return y.reshape(x.shape)
