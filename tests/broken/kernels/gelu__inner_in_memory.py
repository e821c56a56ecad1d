"""x / sqrt(2) is written to memory by an operation of its own before the kernel runs."""

import torch
from _interpreted import tl, triton

CONFORM = {"promises": ["traffic"]}


@triton.jit
def _kernel(x, inner, y, count, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + at, mask=at < count, other=0.0).to(tl.float32)
    u = tl.load(inner + at, mask=at < count, other=0.0)
    tl.store(y + at, 0.5 * v * (1.0 + tl.erf(u)), mask=at < count)


def gelu(x):
    flat = x.reshape(-1).contiguous()
    inner = flat.to(torch.float32) * 0.5**0.5
    y = torch.empty(flat.shape, dtype=x.dtype)
    if x.numel():
        _kernel[(triton.cdiv(flat.numel(), 256),)](flat, inner, y, flat.numel(), BLOCK=256)
    return y.reshape(x.shape)
