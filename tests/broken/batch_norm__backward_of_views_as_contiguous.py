"""The forward pass honours strides; the backward pass reads the saved input of a permuted view in
the order of its memory.
"""

import torch


class Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        y = x.to(torch.promote_types(x.dtype, torch.float32))
        mean = y.mean((0, 1))
        rstd = torch.rsqrt(y.var((0, 1), unbiased=False) + eps)
        ctx.save_for_backward(x, gamma, mean, rstd)
        return ((y - mean) * rstd * gamma + beta).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        x, gamma, mean, rstd = ctx.saved_tensors
        if not x.is_contiguous():
            order = sorted(range(3), key=lambda i: -x.stride(i))
            x = x.permute(order).reshape(x.shape)
        hat = (x.to(mean.dtype) - mean) * rstd
        dy = dy.to(mean.dtype)
        db, dg = dy.sum((0, 1)), (dy * hat).sum((0, 1))
        n = x.shape[0] * x.shape[1]
        dx = gamma * rstd * (dy - db / n - hat * dg / n)
        return dx.to(x.dtype), dg.to(gamma.dtype), db.to(gamma.dtype), None


def batch_norm(x, gamma, beta, *, eps=1e-5):
    return Norm.apply(x, gamma, beta, eps)
