"""Triton kernels with several configurations, heuristics and functions of the device library."""

import torch
import triton
import triton.language as tl
from triton.language.extra import libdevice
from triton.language.extra.libdevice import rsqrt, tanh

erf = libdevice.erf
SIZES = [triton.Config({"BLOCK": 64}, num_warps=2), triton.Config({"BLOCK": 256}, num_warps=8)]


@triton.autotune(configs=SIZES, key=["count"])
@triton.jit
def _gelu(x, y, count, TANH: tl.constexpr, BLOCK: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + at, mask=at < count, other=0.0).to(tl.float32)
    if TANH:
        out = 0.5 * v * (1.0 + tanh(0.7978845608028654 * (v + 0.044715 * v * v * v)))
    else:
        out = 0.5 * v * (1.0 + erf(v * 0.7071067811865476))
    tl.store(y + at, out, mask=at < count)


def gelu(x, *, approximate="none"):
    if torch.is_grad_enabled() and x.requires_grad:
        raise NotImplementedError("no gradient")
    flat = x.contiguous().view(-1)
    y = torch.empty_like(flat)
    if flat.numel():
        _gelu[lambda meta: (triton.cdiv(flat.numel(), meta["BLOCK"]),)](
            flat, y, flat.numel(), approximate == "tanh"
        )
    return y.view(x.shape)


@triton.heuristics({"BLOCK": lambda args: triton.next_power_of_2(args["columns"])})
@triton.jit
def _norm(x, gamma, y, root, columns, eps, stride_row, stride_col, step, BLOCK: tl.constexpr):
    row, at = tl.program_id(0), tl.arange(0, BLOCK)
    keep = at < columns
    v = tl.load(x + row * stride_row + at * stride_col, mask=keep, other=0.0).to(tl.float32)
    inverse = rsqrt(tl.sum(v * v, 0) / columns + eps)
    tl.store(root + row, inverse)
    w = tl.load(gamma + at * step, mask=keep, other=0.0).to(tl.float32)
    tl.store(y + row * columns + at, v * inverse * w, mask=keep)


@triton.autotune(
    configs=[triton.Config({"ROWS": 1}), triton.Config({"ROWS": 4})],
    key=["rows", "columns"],
    reset_to_zero=["total"],
)
@triton.jit
def _norm_backward(
    x, gamma, dy, dx, root, total, rows, columns, xr, xc, step, dr, dc,
    BLOCK: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    at = tl.arange(0, BLOCK)
    keep = at < columns
    w = tl.load(gamma + at * step, mask=keep, other=0.0).to(tl.float32)
    gain = tl.zeros([BLOCK], tl.float32)
    for k in tl.static_range(ROWS):
        row = tl.program_id(0) * ROWS + k
        mine = keep & (row < rows)
        v = tl.load(x + row * xr + at * xc, mask=mine, other=0.0).to(tl.float32)
        d = tl.load(dy + row * dr + at * dc, mask=mine, other=0.0).to(tl.float32)
        inverse = tl.load(root + row, mask=row < rows, other=0.0)
        n, g = v * inverse, d * w
        out = inverse * (g - n * (tl.sum(g * n, 0) / columns))
        tl.store(dx + row * columns + at, out, mask=mine)
        gain += d * n
    tl.atomic_add(total + at, gain, mask=keep)


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, eps):
        flat = x.reshape(-1, x.shape[-1])
        y, root = torch.empty(x.shape, dtype=x.dtype), torch.empty(flat.shape[0])
        if x.numel():
            _norm[(flat.shape[0],)](
                flat, gamma, y, root, flat.shape[1], eps, *flat.stride(), gamma.stride(0)
            )
        ctx.save_for_backward(x, gamma, root)
        return y

    @staticmethod
    def backward(ctx, dy):
        x, gamma, root = ctx.saved_tensors
        flat, grads = x.reshape(-1, x.shape[-1]), dy.reshape(-1, x.shape[-1])
        dx, total = torch.empty(x.shape, dtype=x.dtype), torch.zeros(flat.shape[1])
        if x.numel():
            _norm_backward[lambda meta: (triton.cdiv(flat.shape[0], meta["ROWS"]),)](
                flat, gamma, grads, dx, root, total, *flat.shape, *flat.stride(), gamma.stride(0),
                *grads.stride(), BLOCK=triton.next_power_of_2(flat.shape[1]),
            )  # fmt: skip
        return dx, total.to(gamma.dtype), None


def rms_norm(x, gamma, *, eps=1e-6):
    return _Norm.apply(x, gamma, eps)
