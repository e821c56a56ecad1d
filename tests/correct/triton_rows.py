"""Softmax and norms in Triton as people write them: a program a row; a last tile moved back.

The gradients of the norm's parameters are added up under a lock, as Triton's own tutorial does.
"""

import torch
import triton
import triton.language as tl


@triton.jit
def _softmax(x, y, columns, stride_row, stride_col, BLOCK: tl.constexpr):
    row, at = tl.program_id(0), tl.arange(0, BLOCK)
    v = tl.load(x + row * stride_row + at * stride_col, mask=at < columns, other=-float("inf"))
    e = tl.exp(v.to(tl.float32) - tl.max(v.to(tl.float32), 0))
    tl.store(y + row * columns + at, e / tl.sum(e, 0), mask=at < columns)


def softmax(x):
    flat = x.reshape(-1, x.shape[-1])
    y = torch.empty(flat.shape, dtype=x.dtype)
    if x.numel():
        block = triton.next_power_of_2(x.shape[-1])
        _softmax[(flat.shape[0],)](flat, y, x.shape[-1], *flat.stride(), BLOCK=block)
    return y.reshape(x.shape)


@triton.jit
def _gelu(x, y, count, BLOCK: tl.constexpr):
    # The last program starts earlier instead of masking: some elements are computed twice.
    at = tl.minimum(tl.program_id(0) * BLOCK, tl.maximum(count - BLOCK, 0)) + tl.arange(0, BLOCK)
    v = tl.load(x + at, mask=at < count, other=0.0).to(tl.float32)
    tl.store(y + at, 0.5 * v * (1.0 + tl.erf(v * 0.7071067811865476)), mask=at < count)


def gelu(x):
    flat = x.reshape(-1).contiguous()
    y = torch.empty(flat.shape, dtype=x.dtype)
    if x.numel():
        _gelu[(triton.cdiv(flat.numel(), 64),)](flat, y, flat.numel(), BLOCK=64)
    return y.reshape(x.shape)


@triton.jit
def _norm(x, gamma, y, columns, eps, stride_row, stride_col, BLOCK: tl.constexpr):
    row, at = tl.program_id(0), tl.arange(0, BLOCK)
    keep = at < columns
    v = tl.load(x + row * stride_row + at * stride_col, mask=keep, other=0.0).to(tl.float32)
    scale = 1.0 / tl.sqrt(tl.sum(v * v, 0) / columns + eps)
    w = tl.load(gamma + at, mask=keep, other=0.0).to(tl.float32)
    tl.store(y + row * columns + at, v * scale * w, mask=keep)


@triton.jit
def _norm_backward(
    x, gamma, dy, dx, total, lock, columns, eps, stride_row, stride_col, BLOCK: tl.constexpr
):
    row, at = tl.program_id(0), tl.arange(0, BLOCK)
    keep = at < columns
    v = tl.load(x + row * stride_row + at * stride_col, mask=keep, other=0.0).to(tl.float32)
    w = tl.load(gamma + at, mask=keep, other=0.0).to(tl.float32)
    d = tl.load(dy + row * columns + at, mask=keep, other=0.0).to(tl.float32)
    scale = 1.0 / tl.sqrt(tl.sum(v * v, 0) / columns + eps)
    n = v * scale
    g = d * w
    out = scale * (g - n * (tl.sum(g * n, 0) / columns))
    tl.store(dx + row * columns + at, out, mask=keep)
    while tl.atomic_cas(lock, 0, 1) == 1:
        pass
    so_far = tl.load(total + at, mask=keep, other=0.0)
    tl.store(total + at, so_far + d * n, mask=keep)
    tl.debug_barrier()
    tl.atomic_xchg(lock, 0)


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, eps):
        flat, gamma = x.reshape(-1, x.shape[-1]), gamma.contiguous()
        y = torch.empty(x.shape, dtype=x.dtype)
        block = triton.next_power_of_2(x.shape[-1])
        _norm[(flat.shape[0],)](flat, gamma, y, x.shape[-1], eps, *flat.stride(), BLOCK=block)
        ctx.save_for_backward(x, gamma)
        ctx.eps = eps
        return y

    @staticmethod
    def backward(ctx, dy):
        x, gamma = ctx.saved_tensors
        flat, columns = x.reshape(-1, x.shape[-1]), x.shape[-1]
        dx = torch.empty(x.shape, dtype=x.dtype)
        total, lock = torch.zeros(columns), torch.zeros(1, dtype=torch.int32)
        _norm_backward[(flat.shape[0],)](
            flat, gamma, dy.contiguous(), dx, total, lock, columns, ctx.eps, *flat.stride(),
            BLOCK=triton.next_power_of_2(columns),
        )  # fmt: skip
        return dx, total.to(gamma.dtype), None


def rms_norm(x, gamma, *, eps=1e-6):
    return _Norm.apply(x, gamma, eps)
