"""The hand-written gradient of the second product uses the second product instead of the first."""

import torch


class Hadamard(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A1, B1, A2, B2, s):
        ctx.save_for_backward(A1, B1, A2, B2)
        ctx.s = s
        wide = torch.promote_types(A1.dtype, torch.float32)
        return ((B1.to(wide) @ A1.to(wide)) * (B2.to(wide) @ A2.to(wide)) * s).to(A1.dtype)

    @staticmethod
    def backward(ctx, g):
        a1, b1, a2, b2 = (
            t.to(torch.promote_types(t.dtype, torch.float32)) for t in ctx.saved_tensors
        )
        g = g.to(a1.dtype) * ctx.s
        first = g * (b2 @ a2)
        second = g * (b2 @ a2)
        grads = b1.T @ first, first @ a1.T, b2.T @ second, second @ a2.T
        return *(x.to(t.dtype) for x, t in zip(grads, ctx.saved_tensors, strict=False)), None


def loha_delta(A1, B1, A2, B2, *, alpha):
    return Hadamard.apply(A1, B1, A2, B2, alpha / A1.shape[0])
