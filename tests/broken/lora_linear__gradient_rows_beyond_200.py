"""The gradient of A adds up the first 200 rows of a batch alone."""

import torch


class F(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, W0, A, B, s):
        ctx.save_for_backward(x, W0, A, B)
        ctx.s = s
        return x @ W0.T + s * (x @ A.T) @ B.T

    @staticmethod
    def backward(ctx, g):
        x, W0, A, B = ctx.saved_tensors
        s = ctx.s
        f, h = x.flatten(0, -2), g.flatten(0, -2)
        return (
            g @ W0 + s * (g @ B) @ A,
            h.T @ f,
            s * ((h[:200] @ B).T @ f[:200]),
            s * (h.T @ (f @ A.T)),
            None,
        )


def lora_linear(x, W0, A, B, *, alpha):
    return F.apply(x, W0, A, B, alpha / A.shape[0])
