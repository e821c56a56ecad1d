"""In a backward pass of its own the second pair's gradient is weighed by B2 A2 instead of B1 A1."""

import torch


class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, first, second):
        ctx.save_for_backward(first, second)
        return first * second

    @staticmethod
    def backward(ctx, d):
        _, second = ctx.saved_tensors
        return d * second, d * second


def loha_delta(A1, B1, A2, B2, *, alpha):
    work = torch.float64 if A1.dtype == torch.float64 else torch.float32
    product = Product.apply(B1.to(work) @ A1.to(work), B2.to(work) @ A2.to(work))
    return (alpha / A1.shape[0] * product).to(A1.dtype)
