"""The gradient of the magnitude is summed over the tokens of the first sequence alone."""

import torch


class _Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, y, ratio):
        ctx.save_for_backward(y, ratio)
        return y * ratio

    @staticmethod
    def backward(ctx, slope):
        y, ratio = ctx.saved_tensors
        part = slope * y
        part = part[:1] if part.dim() == 3 else part
        return slope * ratio, part.reshape(-1, part.shape[-1]).sum(0)


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    wide = torch.promote_types(x.dtype, torch.float32)
    h, W, a, b, m = (t.to(wide) for t in (x, W0, A, B, magnitude))
    V = W + alpha / A.shape[0] * b @ a
    square = V.square().sum(1)
    norm = torch.where(square > 0, square, 1.0).sqrt()
    return _Scale.apply(h @ V.T, m / norm).to(x.dtype)
