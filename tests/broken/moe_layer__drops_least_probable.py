"""A full expert keeps its most probable tokens instead of the earliest ones."""

import math

import torch


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    tokens, n = x.shape[0], Wg.shape[1]
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(wide)
    p = torch.softmax(h @ Wg.to(wide), -1)
    weights, indices = torch.topk(p, top_k, dim=-1)
    capacity = (
        tokens if capacity_factor is None else min(tokens, math.ceil(tokens / n * capacity_factor))
    )
    gates = torch.zeros_like(p).scatter(1, indices, weights)
    out = torch.zeros_like(h)
    for e in range(n):
        rows = gates[:, e].detach().topk(capacity).indices
        rows = rows[(indices[rows] == e).any(-1)].sort().values
        y = torch.relu(h[rows] @ W1[e].to(wide)) @ W2[e].to(wide)
        out = out.index_add(0, rows, y * gates[rows, e, None])
    return out.to(x.dtype)
