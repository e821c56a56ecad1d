"""Padding is loaded as zeros but counts in the sum."""

import torch
from _interpreted import tl, triton


@triton.jit
def _region(t, window, Hh, Ww, down, across, size, shift):
    r = window // across * size + t // size + shift
    c = window % across * size + t % size + shift
    low, far = r >= down * size, c >= across * size
    row = tl.where(low, r - down * size, r)
    column = tl.where(far, c - across * size, c)
    region = tl.where(low, 2, 0) + tl.where(far, 1, 0)
    inside = (t < size * size) & (row < Hh) & (column < Ww)
    return row, column, region, inside


@triton.jit
def _kernel(
    qkv, o, Hh, Ww, down, across, size, shift, heads, scale,
    D: tl.constexpr, BD: tl.constexpr, PLACES: tl.constexpr,
):  # fmt: skip
    window, head = tl.program_id(0), tl.program_id(1)
    width = heads * D
    qkv += tl.program_id(2) * Hh * Ww * 3 * width + head * D
    o += tl.program_id(2) * Hh * Ww * width + head * D
    t, d = tl.arange(0, PLACES), tl.arange(0, BD)
    row, column, region, inside = _region(t, window, Hh, Ww, down, across, size, shift)
    pixel = row * Ww + column
    keep = inside[:, None] & (d < D)[None, :]
    at = qkv + pixel[:, None] * 3 * width + d[None, :]
    q = tl.load(at, mask=keep, other=0.0).to(tl.float32)
    k = tl.load(at + width, mask=keep, other=0.0).to(tl.float32)
    v = tl.load(at + 2 * width, mask=keep, other=0.0).to(tl.float32)
    s = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
    see = (region[:, None] == region[None, :]) & (t < size * size)[None, :]
    s = tl.where(see, s, -float("inf"))
    top = tl.max(s, 1)
    p = tl.exp(s - tl.where(top == -float("inf"), 0.0, top)[:, None])
    total = tl.sum(p, 1)
    out = tl.dot(p / tl.where(total > 0, total, 1.0)[:, None], v, input_precision="ieee")
    tl.store(o + pixel[:, None] * width + d[None, :], out, mask=keep)


def shifted_window_attention(x, Wqkv, bqkv, Wo, bo, *, heads, window, shift=0):
    batch, height, width, features = x.shape
    qkv = (x.float() @ Wqkv.float() + bqkv.float()).contiguous()
    o = torch.empty(batch, height, width, features)
    down, across, size = triton.cdiv(height, window), triton.cdiv(width, window), features // heads
    _kernel[(down * across, heads, batch)](
        qkv, o, height, width, down, across, window, shift, heads, size**-0.5,
        D=size, BD=max(16, triton.next_power_of_2(size)),
        PLACES=max(16, triton.next_power_of_2(window**2)),
    )  # fmt: skip
    return (o @ Wo.float() + bo.float()).to(x.dtype)
