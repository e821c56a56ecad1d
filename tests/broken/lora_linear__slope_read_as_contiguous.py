"""The backward pass reads the incoming gradient as if its rows were contiguous (flash-linear-
attention #871).
"""

import torch


class _Lora(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, W0, A, B, s):
        ctx.save_for_backward(x, W0, A, B)
        ctx.s = s
        return x @ W0.T + s * (x @ A.T) @ B.T

    @staticmethod
    def backward(ctx, slope):
        x, W0, A, B = ctx.saved_tensors
        if slope.stride(-1) == 1 and all(k > 0 for k in slope.stride()):
            slope = slope.as_strided(slope.shape, torch.empty(slope.shape, device="meta").stride())
        s, flat, g = ctx.s, x.reshape(-1, x.shape[-1]), slope.reshape(-1, slope.shape[-1])
        gx = slope @ W0 + s * (slope @ B) @ A
        return gx, g.T @ flat, s * (g @ B).T @ flat, s * g.T @ (flat @ A.T), None


def lora_linear(x, W0, A, B, *, alpha):
    wide = torch.promote_types(x.dtype, torch.float32)
    y = _Lora.apply(x.to(wide), W0.to(wide), A.to(wide), B.to(wide), alpha / A.shape[0])
    return y.to(x.dtype)
