"""The backward pass stores the input's gradient in the input's own memory to save a buffer."""

import torch


class Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, W0, A, B, s):
        ctx.saved, ctx.s = (x, W0, A, B), s
        wide = torch.promote_types(x.dtype, torch.float32)
        h = x.to(wide)
        return (h @ W0.to(wide).T + s * (h @ A.to(wide).T) @ B.to(wide).T).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        x, W0, A, B = ctx.saved
        wide = torch.promote_types(x.dtype, torch.float32)
        rows, up = x.detach().to(wide).flatten(0, -2), g.to(wide).flatten(0, -2)
        inner = up @ B.to(wide)
        gA = ctx.s * inner.T @ rows
        gB = ctx.s * up.T @ (rows @ A.to(wide).T)
        buffer = x.detach()
        buffer.copy_((up @ W0.to(wide) + ctx.s * inner @ A.to(wide)).view(x.shape))
        return buffer, None, gA.to(A.dtype), gB.to(B.dtype), None


def lora_linear(x, W0, A, B, *, alpha):
    return Fused.apply(x, W0, A, B, alpha / A.shape[0])
