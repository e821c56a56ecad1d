"""Reciprocal roots by Newton's steps, divisions as products, exponentials as squares of halves."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


class Rsqrt(torch.autograd.Function):
    @staticmethod
    def forward(ctx, v):
        y = v.float().rsqrt().to(v.dtype)
        for _ in range(2):
            y = y * (1.5 - 0.5 * v * y * y)
        ctx.save_for_backward(v, y)
        return y

    @staticmethod
    def backward(ctx, g):
        v, y = ctx.saved_tensors
        return -0.5 * g * y / v


def layer_norm(x, gamma, beta, *, eps=1e-5):
    y = up(x)
    d = y - y.mean(-1, keepdim=True)
    return torch.addcmul(
        up(beta), d * Rsqrt.apply(d.square().mean(-1, keepdim=True) + eps), up(gamma)
    ).to(x.dtype)


def softmax(x):
    y = up(x)
    if not y.numel():
        return x.clone()
    z = (y - y.amax(-1, keepdim=True)).clamp(min=-200.0 if y.dtype == torch.float32 else -800.0)
    z = torch.where(torch.isnan(y), y, z)
    e = torch.exp(z * 0.5).square()
    e = torch.where(
        y == -torch.inf, torch.where((y == -torch.inf).all(-1, keepdim=True), torch.nan, 0.0), e
    )
    return (e * e.sum(-1, keepdim=True).reciprocal()).to(x.dtype)


def swish(x, *, beta=1.0):
    y = up(x)
    return (y * 0.5 * (1 + torch.tanh(beta * y * 0.5))).to(x.dtype)


def gelu(x, *, approximate="none"):
    y = up(x)
    if approximate == "none":
        return (0.5 * y * torch.special.erfc(-y * 0.5**0.5)).to(x.dtype)
    a = 2 * (2 / torch.pi) ** 0.5
    return (y * torch.sigmoid(a * (y + 0.044715 * y**3))).to(x.dtype)
