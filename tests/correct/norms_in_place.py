"""Norms and gates on one working copy, each step in place of the last."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def own(x):
    """A copy to work in, never narrower than float32."""
    return x.to(torch.promote_types(x.dtype, torch.float32), copy=True)


def layer_norm(x, gamma, beta, *, eps=1e-5):
    y = own(x)
    y -= y.mean(-1, keepdim=True)
    scale = y.square().mean(-1, keepdim=True).add_(eps).rsqrt_()
    y = y * scale
    y = y.mul(gamma)
    y += beta
    return y.to(x.dtype)


def rms_norm(x, gamma, *, eps=1e-6):
    scale = own(x).pow_(2).mean(-1, keepdim=True).add_(eps).rsqrt_()
    return (own(x).mul_(scale) * gamma).to(x.dtype)


def batch_norm(x, gamma, beta, *, eps=1e-5):
    y = own(x)
    y -= y.mean((0, 1), keepdim=True)
    scale = y.square().mean((0, 1), keepdim=True).add_(eps).rsqrt_()
    return (y * scale).mul(gamma).add_(beta).to(x.dtype)


def swish(x, *, beta=1.0):
    y = own(x)
    gate = (y * beta).sigmoid_()
    return (y * gate).to(x.dtype)


def softmax(x):
    y = own(x)
    y -= y.amax(-1, keepdim=True).detach()
    y = y.exp()
    return (y / y.sum(-1, keepdim=True)).to(x.dtype)


def output_projection(h, W):
    flat = h.reshape(-1, h.shape[-1])
    out = h.new_zeros(flat.shape[0], W.shape[1])
    return out.addmm_(flat, W).view(*h.shape[:-1], W.shape[1])


def prompt_tuning(embeddings, prompt):
    b, length, width = embeddings.shape
    out = embeddings.new_empty(b, len(prompt) + length, width)
    out[:, : len(prompt)] = prompt
    out[:, len(prompt) :].copy_(embeddings)
    return out
