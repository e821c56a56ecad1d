"""Forward writes the slope to memory for backward, where x would do."""

import torch
from _interpreted import tl, triton

from conform_kernels.gelu import gelu as forward

CONFORM = {"promises": ["traffic"], "operators": {"gelu": {"limits": {"approximate": ["none"]}}}}


@triton.jit
def _slope(x, out, count, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + at, mask=at < count, other=0.0).to(tl.float32)
    density = tl.exp(-0.5 * v * v) * 0.3989422804014327
    slope = 0.5 * (1.0 + tl.erf(v * 0.7071067811865476)) + v * density
    tl.store(out + at, slope, mask=at < count)


@triton.jit
def _times(slope, dy, dx, count, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(slope + at, mask=at < count, other=0.0)
    g = tl.load(dy + at, mask=at < count, other=0.0).to(tl.float32)
    tl.store(dx + at, v * g, mask=at < count)


class _Gelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        given = x.contiguous()
        slope = torch.empty(x.shape, dtype=torch.float32)
        if x.numel():
            _slope[(triton.cdiv(x.numel(), 64),)](given, slope, x.numel(), BLOCK=64)
        ctx.save_for_backward(slope)
        with torch.no_grad():
            return forward(x, approximate="none")

    @staticmethod
    def backward(ctx, dy):
        (slope,) = ctx.saved_tensors
        dx, dy = torch.empty(dy.shape, dtype=dy.dtype), dy.contiguous()
        if dx.numel():
            _times[(triton.cdiv(dx.numel(), 64),)](slope, dy, dx, dx.numel(), BLOCK=64)
        return dx


def gelu(x, *, approximate="none"):
    return _Gelu.apply(x)
