"""Gradients of expert weights are made for the first sixteen experts."""

import math

import torch
import torch.nn.functional as F


class _Experts(torch.autograd.Function):
    @staticmethod
    def forward(ctx, W):
        return W.clone()

    @staticmethod
    def backward(ctx, slope):
        slope = slope.clone()
        slope[16:] = 0
        return slope


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    wide = torch.promote_types(x.dtype, torch.float32)
    h, n = x.to(wide), Wg.shape[1]
    W1, W2 = _Experts.apply(W1.to(wide)), _Experts.apply(W2.to(wide))
    weights, chosen = torch.softmax(h @ Wg.to(wide), -1).topk(top_k, -1)
    capacity = len(x) if capacity_factor is None else math.ceil(len(x) / n * capacity_factor)
    flat = chosen.T.reshape(-1)
    hot = F.one_hot(flat, n)
    place = (hot.cumsum(0) * hot).sum(-1) - 1
    out = torch.zeros_like(h)
    for e in range(n):
        slots = ((flat == e) & (place < capacity)).nonzero()[:, 0]
        rows, turn = slots % max(len(x), 1), slots // max(len(x), 1)
        y = torch.relu(h[rows] @ W1[e]) @ W2[e]
        out = out.index_add(0, rows, y * weights[rows, turn, None])
    return out.to(x.dtype)
