"""RMS norm with a hand-written backward that keeps only x and the reciprocal root."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


class RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, eps):
        y = x.to(torch.promote_types(x.dtype, torch.float32))
        inverse = torch.rsqrt(y.square().mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(x, gamma, inverse)
        return (y * inverse * gamma).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        x, gamma, inverse = ctx.saved_tensors
        unit = x.to(inverse.dtype) * inverse
        g = dy.to(inverse.dtype) * gamma
        dx = inverse * (g - unit * (g * unit).mean(-1, keepdim=True))
        dgamma = (dy.to(inverse.dtype) * unit).reshape(-1, x.shape[-1]).sum(0)
        return dx.to(x.dtype), dgamma.to(gamma.dtype), None


def rms_norm(x, gamma, *, eps=1e-6):
    return RmsNorm.apply(x, gamma, eps)
