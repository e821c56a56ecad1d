"""Values that round to the lowest or highest code get no gradient, though not clipped."""

import torch


class Pass(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, values, inside):
        ctx.save_for_backward(inside)
        return values

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0], None, None


def uniform_quantize(x, *, scale, zero_point=0, bits=8, signed=True):
    wide = torch.promote_types(x.dtype, torch.float32)
    lo, hi = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    raw = torch.round(x.detach().to(wide) / scale) + zero_point
    codes = raw.clamp(lo, hi)
    values = (scale * (codes - zero_point)).to(x.dtype)
    return codes.long(), Pass.apply(x, values, (raw > lo) & (raw < hi))
