"""Forward and backward in numpy float64, in autograd Functions that save arrays."""

import math

import numpy as np
import torch
from scipy import special


def array(x):
    return x.detach().to(torch.float64).numpy()


def back(a, like):
    return torch.from_numpy(np.ascontiguousarray(a)).to(like.dtype)


class Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        a = array(x)
        y = special.softmax(a, axis=-1) if a.size else a
        ctx.y = y
        ctx.like = x
        return back(y, x)

    @staticmethod
    def backward(ctx, g):
        g = array(g)
        return back(ctx.y * (g - (g * ctx.y).sum(-1, keepdims=True)), ctx.like)


class RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, eps):
        a, w = array(x), array(gamma)
        r = 1.0 / np.sqrt(np.mean(a * a, axis=-1, keepdims=True) + eps)
        ctx.kept = (a, w, r)
        ctx.like = (x, gamma)
        return back(a * r * w, x)

    @staticmethod
    def backward(ctx, g):
        a, w, r = ctx.kept
        g = array(g)
        gw = g * w
        gx = r * gw - a * r**3 * np.mean(gw * a, axis=-1, keepdims=True)
        lead = tuple(range(a.ndim - 1))
        x, gamma = ctx.like
        return back(gx, x), back((g * a * r).sum(lead), gamma), None


class LayerNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        a, w, b = array(x), array(gamma), array(beta)
        d = a - a.mean(-1, keepdims=True)
        r = 1.0 / np.sqrt((d * d).mean(-1, keepdims=True) + eps)
        ctx.kept = (d * r, w, r)
        ctx.like = (x, gamma, beta)
        return back(d * r * w + b, x)

    @staticmethod
    def backward(ctx, g):
        n, w, r = ctx.kept
        g = array(g)
        gw = g * w
        gx = r * (gw - gw.mean(-1, keepdims=True) - n * (gw * n).mean(-1, keepdims=True))
        lead = tuple(range(n.ndim - 1))
        x, gamma, beta = ctx.like
        return back(gx, x), back((g * n).sum(lead), gamma), back(g.sum(lead), beta), None


class Gelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        a = array(x)
        ctx.a, ctx.like = a, x
        return back(a * special.ndtr(a), x)

    @staticmethod
    def backward(ctx, g):
        a = ctx.a
        slope = special.ndtr(a) + a * np.exp(-a * a / 2) / math.sqrt(2 * math.pi)
        return back(array(g) * slope, ctx.like)


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, beta):
        a = array(x)
        s = special.expit(beta * a)
        ctx.kept, ctx.like, ctx.beta = (a, s), x, beta
        return back(a * s, x)

    @staticmethod
    def backward(ctx, g):
        a, s = ctx.kept
        return back(array(g) * (s + ctx.beta * a * s * (1 - s)), ctx.like), None


def softmax(x):
    return Softmax.apply(x)


def rms_norm(x, gamma, *, eps=1e-6):
    return RmsNorm.apply(x, gamma, eps)


def layer_norm(x, gamma, beta, *, eps=1e-5):
    return LayerNorm.apply(x, gamma, beta, eps)


def gelu(x):
    return Gelu.apply(x)


def swish(x, *, beta=1.0):
    return Swish.apply(x, beta)


CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}
