"""The gradient of an expert's first matrix counts whole groups of sixteen rows and drops the rest
of large experts.
"""

import math

import torch
import torch.nn.functional as F


class _Up(torch.autograd.Function):
    @staticmethod
    def forward(ctx, rows, weight):
        ctx.save_for_backward(rows, weight)
        return rows @ weight

    @staticmethod
    def backward(ctx, slope):
        rows, weight = ctx.saved_tensors
        count = len(rows) // 16 * 16 if len(rows) > 16 else len(rows)
        return slope @ weight.T, rows[:count].T @ slope[:count]


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    wide = torch.promote_types(x.dtype, torch.float32)
    h, n = x.to(wide), Wg.shape[1]
    weights, chosen = torch.softmax(h @ Wg.to(wide), -1).topk(top_k, -1)
    capacity = len(x) if capacity_factor is None else math.ceil(len(x) / n * capacity_factor)
    flat = chosen.T.reshape(-1)
    hot = F.one_hot(flat, n)
    place = (hot.cumsum(0) * hot).sum(-1) - 1
    out = torch.zeros_like(h)
    for e in range(n):
        slots = ((flat == e) & (place < capacity)).nonzero()[:, 0]
        rows, turn = slots % max(len(x), 1), slots // max(len(x), 1)
        y = torch.relu(_Up.apply(h[rows], W1[e].to(wide))) @ W2[e].to(wide)
        out = out.index_add(0, rows, y * weights[rows, turn, None])
    return out.to(x.dtype)
