"""The value becomes a 32-bit integer before it is clipped: what is too large turns negative."""

import torch


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, values, inside):
        ctx.save_for_backward(inside)
        return values

    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.saved_tensors[0], None, None


def uniform_quantize(x, *, scale, zero_point=0, bits=8, signed=True):
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    wide = x if x.dtype == torch.float64 else x.float()
    raw = torch.round(wide / scale).to(torch.int32) + zero_point
    codes = raw.clamp(low, high).to(torch.int64)
    values = (scale * (codes - zero_point).to(wide.dtype)).to(x.dtype)
    return codes, _Round.apply(x, values.detach(), (raw >= low) & (raw <= high))
