"""Where many rows are sorted by expert, slices of packed expert weights are read as if they were
contiguous (mlx #4055).
"""

import math

import torch
import torch.nn.functional as F


def _plain(weight):
    size = weight.shape
    return weight.as_strided(size, (size[1] * size[2], size[2], 1))


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    wide = torch.promote_types(x.dtype, torch.float32)
    h, n = x.to(wide), Wg.shape[1]
    weights, chosen = torch.softmax(h @ Wg.to(wide), -1).topk(top_k, -1)
    if top_k * len(x) >= 16 and W1.stride(-1) == 1 and W1.stride(0) > W1.shape[1] * W1.shape[2]:
        W1 = _plain(W1)
    capacity = len(x) if capacity_factor is None else math.ceil(len(x) / n * capacity_factor)
    flat = chosen.T.reshape(-1)
    hot = F.one_hot(flat, n)
    place = (hot.cumsum(0) * hot).sum(-1) - 1
    out = torch.zeros_like(h)
    for e in range(n):
        slots = ((flat == e) & (place < capacity)).nonzero()[:, 0]
        rows, turn = slots % max(len(x), 1), slots // max(len(x), 1)
        y = torch.relu(h[rows] @ W1[e].to(wide)) @ W2[e].to(wide)
        out = out.index_add(0, rows, y * weights[rows, turn, None])
    return out.to(x.dtype)
