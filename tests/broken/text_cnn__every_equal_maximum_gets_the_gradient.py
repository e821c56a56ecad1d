"""Frames that share the maximum get the whole gradient each."""

import torch


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


class Most(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        top = x.amax(1)
        ctx.save_for_backward(x, top)
        return top

    @staticmethod
    def backward(ctx, g):
        x, top = ctx.saved_tensors
        hit = (x == top[:, None]).to(g.dtype)
        return hit * g[:, None]


def text_cnn(x, W, b):
    taps = W.shape[0]
    if x.shape[1] < taps:
        raise ValueError(f"L={x.shape[1]} K={taps}")
    spread = up(x).unfold(1, taps, 1)
    y = torch.einsum("blek,kec->blc", spread, up(W)) + up(b)
    return Most.apply(torch.relu(y)).to(x.dtype)
