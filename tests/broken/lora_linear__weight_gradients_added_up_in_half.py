"""The weights' gradients are added up in their own dtype, sixteen tokens at a time."""

import torch

CONFORM = {"dtypes": ["bfloat16", "float16"]}


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, W):
        ctx.save_for_backward(x, W)
        return (x.float() @ W.float()).to(x.dtype)

    @staticmethod
    def backward(ctx, grad):
        x, W = ctx.saved_tensors
        rows, grads = x.reshape(-1, x.shape[-1]), grad.reshape(-1, grad.shape[-1])
        dW = torch.zeros_like(W)
        for a, g in zip(rows.split(16), grads.split(16), strict=True):
            dW += (a.float().T @ g.float()).to(W.dtype)
        return (grad.float() @ W.float().T).to(x.dtype), dW


def lora_linear(x, W0, A, B, *, alpha):
    base = (x.float() @ W0.float().T).to(x.dtype)
    update = _Linear.apply(_Linear.apply(x, A.T), B.T)
    return (base.float() + alpha / A.shape[0] * update.float()).to(x.dtype)
