"""unsloth: the fused backward flattens the incoming gradient with `view`, which one with
transposed leading dimensions does not allow."""

import torch


class _LoRA(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, W0, A, B, s):
        ctx.save_for_backward(x, W0, A, B)
        ctx.s = s
        wide = torch.promote_types(x.dtype, torch.float32)
        X = x.to(wide)
        return (X @ W0.to(wide).mT + s * (X @ A.to(wide).mT) @ B.to(wide).mT).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        x, W0, A, B = ctx.saved_tensors
        wide = torch.promote_types(x.dtype, torch.float32)
        G, X = g.view(-1, g.shape[-1]).to(wide), x.to(wide).reshape(-1, x.shape[-1])
        inner = G @ B.to(wide)
        dx = G @ W0.to(wide) + ctx.s * inner @ A.to(wide)
        dA = ctx.s * inner.mT @ X
        dB = ctx.s * G.mT @ (X @ A.to(wide).mT)
        dW = G.mT @ X
        return (
            dx.reshape(x.shape).to(x.dtype),
            dW.to(W0.dtype),
            dA.to(A.dtype),
            dB.to(B.dtype),
            None,
        )


def lora_linear(x, W0, A, B, *, alpha):
    return _LoRA.apply(x, W0, A, B, alpha / A.shape[0])
