"""The scale's gradient is added up in its own dtype, sixteen tokens at a time."""

import torch

CONFORM = {"dtypes": ["bfloat16", "float16"]}


class _Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, y, scale):
        ctx.save_for_backward(y, scale)
        return y * scale

    @staticmethod
    def backward(ctx, grad):
        y, scale = ctx.saved_tensors
        each = (y.float() * grad.float()).reshape(-1, y.shape[-1])
        ds = torch.zeros_like(scale)
        for part in each.split(16):
            ds += part.sum(0).to(scale.dtype)
        return grad * scale, ds


def ia3_linear(x, W0, b0, scale):
    y = (x.float() @ W0.float().T + b0.float()).to(x.dtype)
    return _Scale.apply(y, scale)
