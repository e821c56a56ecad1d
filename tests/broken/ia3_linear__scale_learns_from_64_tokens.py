"""The gradient of the vector is summed over the first 64 tokens of a sequence."""

import torch


class _Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, y, s):
        ctx.save_for_backward(y, s)
        return y * s

    @staticmethod
    def backward(ctx, slope):
        y, s = ctx.saved_tensors
        return slope * s, (slope * y)[..., :64, :].reshape(-1, s.shape[0]).sum(0)


def ia3_linear(x, W0, b0, scale):
    wide = torch.promote_types(x.dtype, torch.float32)
    y = x.to(wide) @ W0.to(wide).T + b0.to(wide)
    return _Scale.apply(y, scale.to(wide)).to(x.dtype)
