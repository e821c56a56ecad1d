"""Forward writes the normalised rows to memory for backward, in float32."""

import torch
from _interpreted import tl, triton

CONFORM = {"promises": ["traffic"]}


@triton.jit
def _forward(x, gamma, y, kept, scales, columns, eps, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    at = tl.arange(0, BLOCK)
    inside = at < columns
    v = tl.load(x + row * columns + at, mask=inside, other=0.0).to(tl.float32)
    scale = 1.0 / tl.sqrt(tl.sum(v * v, 0) / columns + eps)
    gain = tl.load(gamma + at, mask=inside, other=0.0).to(tl.float32)
    tl.store(kept + row * columns + at, v * scale, mask=inside)
    tl.store(scales + row, scale)
    tl.store(y + row * columns + at, v * scale * gain, mask=inside)


@triton.jit
def _backward(kept, scales, gamma, dy, dx, dgamma, rows, columns, BLOCK: tl.constexpr):
    at = tl.arange(0, BLOCK)
    inside = at < columns
    gain = tl.load(gamma + at, mask=inside, other=0.0).to(tl.float32)
    total = tl.zeros([BLOCK], tl.float32)
    for row in range(rows):
        n = tl.load(kept + row * columns + at, mask=inside, other=0.0)
        g = tl.load(dy + row * columns + at, mask=inside, other=0.0).to(tl.float32)
        total += n * g
        g *= gain
        inner = tl.sum(n * g, 0) / columns
        scale = tl.load(scales + row)
        tl.store(dx + row * columns + at, scale * (g - n * inner), mask=inside)
    tl.store(dgamma + at, total, mask=inside)


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, eps):
        rows, columns = x.numel() // x.shape[-1], x.shape[-1]
        given, gain = x.contiguous(), gamma.contiguous()
        y = torch.empty(x.shape, dtype=x.dtype)
        kept = torch.empty(x.shape, dtype=torch.float32)
        scales = torch.empty(rows, dtype=torch.float32)
        size = {"BLOCK": triton.next_power_of_2(columns)}
        if rows:
            _forward[(rows,)](given, gain, y, kept, scales, columns, eps, **size)
        ctx.save_for_backward(kept, scales, gain)
        return y

    @staticmethod
    def backward(ctx, dy):
        kept, scales, gain = ctx.saved_tensors
        columns = dy.shape[-1]
        dx, dgamma = torch.empty(dy.shape, dtype=dy.dtype), torch.empty_like(gain)
        size = {"BLOCK": triton.next_power_of_2(columns)}
        _backward[(1,)](
            kept, scales, gain, dy.contiguous(), dx, dgamma, len(scales), columns, **size
        )
        return dx, dgamma, None


def rms_norm(x, gamma, *, eps=1e-6):
    return _Norm.apply(x, gamma, eps)
