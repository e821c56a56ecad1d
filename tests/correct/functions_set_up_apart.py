"""Autograd functions of the newer form, forward and context apart, with their own way back."""

import torch
from torch.autograd import Function

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def wide(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


class Root(Function):
    @staticmethod
    def forward(x, gamma, eps):
        y = wide(x)
        scale = torch.rsqrt(y.square().mean(-1, keepdim=True) + eps)
        return (y * scale * wide(gamma)).to(x.dtype), scale

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, gamma, _ = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(x, gamma, output[1])

    @staticmethod
    def backward(ctx, d, _):
        x, gamma, scale = ctx.saved_tensors
        n, g = wide(x) * scale, wide(d) * wide(gamma)
        dx = scale * (g - n * (g * n).mean(-1, keepdim=True))
        over = tuple(range(x.ndim - 1))
        return dx.to(x.dtype), (wide(d) * n).sum(over).to(gamma.dtype), None


def rms_norm(x, gamma, *, eps=1e-6):
    return Root.apply(x, gamma, eps)[0]


class Gate(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(a, b):
        z = wide(a)
        return (z * torch.sigmoid(z) * wide(b)).to(a.dtype)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, d):
        a, b = ctx.saved_tensors
        z, s = wide(a), torch.sigmoid(wide(a))
        da = wide(d) * wide(b) * (s + z * s * (1 - s))
        return da.to(a.dtype), (wide(d) * z * s).to(b.dtype)


def glu_feed_forward(x, W, V, W2):
    return Gate.apply(x @ W, x @ V) @ W2


class Loss(Function):
    @staticmethod
    def forward(logits, labels, kept):
        p = wide(logits).log_softmax(-1)
        picked = p.gather(-1, labels[:, None])[:, 0]
        return -(picked * kept).sum() / kept.sum(), p

    @staticmethod
    def setup_context(ctx, inputs, output):
        logits, labels, kept = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(output[1], labels, kept)
        ctx.dtype = logits.dtype

    @staticmethod
    def backward(ctx, d, _):
        p, labels, kept = ctx.saved_tensors
        g = p.exp()
        g.scatter_add_(-1, labels[:, None], torch.full_like(g[:, :1], -1.0))
        share = kept.to(g.dtype) / kept.sum()
        return (g * share[:, None] * d).to(ctx.dtype), None, None


def language_model_loss(logits, tokens, *, ignore_index=-100):
    flat, labels = logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()
    kept = labels != ignore_index
    loss, _ = Loss.apply(flat, torch.where(kept, labels, 0), kept)
    return loss.to(logits.dtype)
