"""Liger: batch, length and width are unpacked from the shape, which tokens without a batch lack."""

import torch
import torch.nn.functional as F

ACT = {"swish": F.silu, "gelu": F.gelu, "relu": torch.relu, "sigmoid": torch.sigmoid}


class Tiled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, W, V, W2, activation):
        ctx.save_for_backward(x, W, V, W2)
        ctx.act = ACT.get(activation, lambda t: t)
        return ctx.act(x @ W) * (x @ V) @ W2

    @staticmethod
    def backward(ctx, dy):
        x, *weights = ctx.saved_tensors
        rows, dy = x.flatten(0, -2), dy.flatten(0, -2)
        dx, sums = [x.new_zeros(0, x.shape[-1])], [torch.zeros_like(w) for w in weights]
        for part, d in zip(rows.split(32), dy.split(32), strict=True):
            with torch.enable_grad():
                inputs = [t.detach().requires_grad_() for t in (part, *weights)]
                p, W, V, W2 = inputs
                y = ctx.act(p @ W) * (p @ V) @ W2
            got = torch.autograd.grad(y, inputs, d)
            dx.append(got[0])
            sums = [a + b for a, b in zip(sums, got[1:], strict=True)]
        return torch.cat(dx).view(x.shape), *sums, None


def glu_feed_forward(x, W, V, W2, *, activation="swish"):
    batch, length, width = x.shape
    x = x.reshape(batch, length, width)
    work = torch.promote_types(x.dtype, torch.float32)
    wide = (t.to(work) for t in (x, W, V, W2))
    return Tiled.apply(*wide, activation).to(x.dtype)
