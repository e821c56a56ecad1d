"""Backward, activation, slope, gate and their gradients each go to memory and back."""

import torch
from _interpreted import tl, triton  # noqa: F401

from conform_kernels.glu_feed_forward import glu_feed_forward as forward

CONFORM = {
    "promises": ["traffic"],
    "dtypes": ["float32"],
    "operators": {"glu_feed_forward": {"limits": {"activation": ["swish"]}}},
}


class _Feed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, W, V, W2):
        ctx.save_for_backward(x, W, V, W2)
        with torch.no_grad():
            return forward(x, W, V, W2, activation="swish")

    @staticmethod
    def backward(ctx, dy):
        x, W, V, W2 = ctx.saved_tensors
        rows, up = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
        gate, value = rows @ W, rows @ V
        open_ = torch.sigmoid(gate)
        act = gate * open_
        inner = up @ W2.T
        dvalue = inner * act
        slope = open_ * (1 + gate * (1 - open_))
        dgate = inner * value * slope
        dx = (dgate @ W.T + dvalue @ V.T).reshape(x.shape)
        return dx, rows.T @ dgate, rows.T @ dvalue, (act * value).T @ up


def glu_feed_forward(x, W, V, W2, *, activation="swish"):
    return _Feed.apply(x, W, V, W2)
