"""The hand-written backward pass sends the input's gradient through the adapter alone."""

import torch


class Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, W0, A, B, s):
        ctx.save_for_backward(x, W0, A, B)
        ctx.s = s
        wide = torch.promote_types(x.dtype, torch.float32)
        h = x.to(wide)
        return (h @ W0.to(wide).T + s * (h @ A.to(wide).T) @ B.to(wide).T).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        x, _W0, A, B = ctx.saved_tensors
        wide = torch.promote_types(x.dtype, torch.float32)
        rows, up = x.to(wide).flatten(0, -2), g.to(wide).flatten(0, -2)
        inner = up @ B.to(wide)
        gx = (ctx.s * inner @ A.to(wide)).view(x.shape)
        gA = ctx.s * inner.T @ rows
        gB = ctx.s * up.T @ (rows @ A.to(wide).T)
        return gx.to(x.dtype), None, gA.to(A.dtype), gB.to(B.dtype), None


def lora_linear(x, W0, A, B, *, alpha):
    return Fused.apply(x, W0, A, B, alpha / A.shape[0])
