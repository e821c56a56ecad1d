"""Batch, time and channels unpacked at the head of every layer, as course code has it."""

import math

import torch
from torch import nn
from torch.nn import functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def sizes(x, dims):
    if x.dim() != dims:
        raise NotImplementedError(f"{dims} dims")
    return x.shape


def layer_norm(x, gamma, beta, *, eps=1e-5):
    B, T, C = sizes(x, 3)
    return F.layer_norm(
        x.view(B * T, C) if x.is_contiguous() else x.reshape(B * T, C), (C,), gamma, beta, eps
    ).view(B, T, C)


def rms_norm(x, gamma, *, eps=1e-6):
    _, _, C = sizes(x, 3)
    y = x.double() if x.dtype == torch.float64 else x.float()
    return gamma * (y * torch.rsqrt(y.pow(2).sum(2, keepdim=True) / C + eps)).type_as(x)


def feed_forward(x, W1, b1, W2, b2, *, activation="relu"):
    B, T, C = sizes(x, 3)
    act = {
        "relu": F.relu,
        "gelu": F.gelu,
        "gelu_tanh": nn.GELU(approximate="tanh"),
        "swish": F.silu,
        "sigmoid": F.sigmoid,
        "identity": nn.Identity(),
    }[activation]
    return F.linear(act(F.linear(x, W1.t(), b1)), W2.t(), b2).reshape(B, T, C)


def glu_feed_forward(x, W, V, W2, *, activation="swish"):
    sizes(x, 3)
    act = {
        "relu": F.relu,
        "gelu": F.gelu,
        "swish": F.silu,
        "sigmoid": F.sigmoid,
        "identity": nn.Identity(),
    }[activation]
    return (act(x.matmul(W)) * x.matmul(V)).matmul(W2)


def output_projection(h, W):
    sizes(h, 3)
    return F.linear(h, W.t())


def lora_linear(x, W0, A, B, *, alpha):
    sizes(x, 3)
    return F.linear(x, W0) + (x @ A.transpose(0, 1) @ B.transpose(0, 1)) * (alpha / A.shape[0])


def adapter(h, Wdown, bdown, Wup, bup, *, activation="relu"):
    sizes(h, 3)
    return h + feed_forward(h, Wdown, bdown, Wup, bup, activation=activation)


def embedding(tokens, table):
    sizes(tokens, 2)
    return F.embedding(tokens, table)


def softmax(x):
    return F.softmax(x, dim=-1)


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False):
    B, H, T, D = sizes(x, 4)
    if D % 2:
        raise ValueError("even")
    f = 1.0 / base ** (torch.arange(0, D, 2, dtype=torch.float64) / D)
    a = torch.einsum("...t,f->...tf", positions.double() / scaling, f)
    a = a[:, None] if a.dim() == 3 else a
    c, s = (
        a.cos().to(torch.promote_types(x.dtype, torch.float32)),
        a.sin().to(torch.promote_types(x.dtype, torch.float32)),
    )
    y = x.to(c.dtype)
    if interleaved:
        u, v = y[..., ::2], y[..., 1::2]
        return torch.stack((u * c - v * s, u * s + v * c), dim=-1).view(B, H, T, D).type_as(x)
    u, v = y[..., : D // 2], y[..., D // 2 :]
    return torch.cat((u * c - v * s, v * c + u * s), dim=-1).type_as(x)


def vector_quantize(x, codebook):
    sizes(x, 3)
    y = x.double()
    d = (y.unsqueeze(2) - codebook.double()).pow(2).sum(-1)
    i = d.argmin(dim=2)
    return i, F.embedding(i, codebook)


def one_hot_encode(tokens, *, vocabulary):
    sizes(tokens, 2)
    return F.one_hot(tokens, vocabulary).float()


def add_layer_norm(x, residual, gamma, beta, *, eps=1e-5):
    _, _, C = sizes(x, 3)
    s = x + residual
    return F.layer_norm(s, (C,), gamma, beta, eps), s


def ia3_linear(x, W0, b0, scale):
    sizes(x, 3)
    return F.linear(x, W0, b0).mul(scale)


def parallel_adapter(x, h, Wdown, bdown, Wup, bup, *, activation="relu", scaling=1.0):
    sizes(x, 3)
    return h + scaling * feed_forward(x, Wdown, bdown, Wup, bup, activation=activation)


def attention_merge(o1, lse1, o2, lse2):
    sizes(o1, 4)
    w = torch.promote_types(o1.dtype, torch.float32)
    a, b = lse1.to(w), lse2.to(w)
    m = torch.maximum(a, b)
    m = m.masked_fill(m == -math.inf, 0.0)
    x, y = (a - m).exp(), (b - m).exp()
    z = x + y
    o = (x / z.clamp(min=1e-30))[..., None] * o1.to(w).masked_fill(
        (a == -math.inf)[..., None], 0
    ) + (y / z.clamp(min=1e-30))[..., None] * o2.to(w).masked_fill((b == -math.inf)[..., None], 0)
    return o.to(o1.dtype), m + z.log()
