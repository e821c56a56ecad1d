"""Exponentials of vector code: half of 2^n times 2^f, whose half is lost below the normal range."""

import torch

CONFORM = {"dtypes": ["float32"]}


def _exp(x):
    x = x.clamp(min=-120)
    n = torch.floor(x * 1.4426950408889634 + 0.5)
    rest = torch.exp(x - n * 0.693359375 + n * 2.12194440e-4)  # ln 2 in two parts
    half = torch.ldexp(torch.ones_like(x), n - 1)
    return torch.where(half < 2.0**-126, 0.0, half) * rest * 2


class _Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        e = _exp(x - x.amax(-1, keepdim=True))
        p = e / e.sum(-1, keepdim=True)
        ctx.save_for_backward(p)
        return p

    @staticmethod
    def backward(ctx, c):
        (p,) = ctx.saved_tensors
        return p * (c - (c * p).sum(-1, keepdim=True))


def softmax(x):
    return _Softmax.apply(x)
