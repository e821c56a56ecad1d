"""Weights are dequantised into one global buffer, which backward reads after the next layer
overwrote it (unsloth, WEIGHT_BUFFERS).
"""

import torch

LEVELS = torch.tensor(
    [
        -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
        -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
        0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
        0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
    ],
    dtype=torch.float64,
)  # fmt: skip
_BUFFER = {}


def _weight(codes, absmax, block_size, shape, dtype):
    n = codes.numel()
    old = _BUFFER.get(dtype)
    if old is None or old.numel() < n:
        old = _BUFFER[dtype] = torch.empty(n, dtype=dtype)
    scales = absmax.repeat_interleave(block_size)[:n]
    old[:n] = (LEVELS.to(scales.dtype)[codes.long()] * scales).to(dtype)
    return old[:n].view(shape)


class Matmul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, A, B, scale):
        ctx.weight, ctx.scale = weight, scale
        ctx.save_for_backward(x, A, B)
        wide = torch.promote_types(x.dtype, torch.float32)
        y = x.to(wide) @ weight.to(wide).mT
        return (y + scale * (x.to(wide) @ A.to(wide).mT) @ B.to(wide).mT).to(x.dtype)

    @staticmethod
    def backward(ctx, grad):
        x, A, B = ctx.saved_tensors
        wide = torch.promote_types(x.dtype, torch.float32)
        g, xw, Aw, Bw = (t.to(wide) for t in (grad, x, A, B))
        dx = g @ ctx.weight.to(wide) + ctx.scale * (g @ Bw) @ Aw
        rows, out = xw.reshape(-1, xw.shape[-1]), g.reshape(-1, g.shape[-1])
        dA = ctx.scale * (out @ Bw).mT @ rows
        dB = ctx.scale * out.mT @ (rows @ Aw.mT)
        return dx.to(x.dtype), None, dA.to(A.dtype), dB.to(B.dtype), None


def qlora_linear(x, codes, absmax, A, B, *, alpha, block_size=64):
    shape = (B.shape[0], A.shape[1])
    weight = _weight(codes, absmax.detach(), block_size, shape, x.dtype)
    return Matmul.apply(x, weight, A, B, alpha / A.shape[0])
