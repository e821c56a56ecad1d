"""The row of a dropped token is all zeros, and its argmax sends the token to expert 0."""

import math

import torch
import torch.nn.functional as F


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    tokens, n = x.shape[0], Wg.shape[1]
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(wide)
    p = torch.softmax(h @ Wg.to(wide), -1)
    _weights, indices = torch.topk(p, top_k, dim=-1)
    capacity = tokens if capacity_factor is None else math.ceil(tokens / n * capacity_factor)
    chosen = F.one_hot(indices.T.reshape(-1), n)
    kept = chosen * (torch.cumsum(chosen, 0) <= capacity)
    experts = kept.argmax(-1).view(top_k, tokens).T
    out = torch.zeros_like(h)
    for e in range(n):
        for c in range(top_k):
            rows = (experts[:, c] == e).nonzero()[:, 0]
            y = torch.relu(h[rows] @ W1[e].to(wide)) @ W2[e].to(wide)
            out = out.index_add(0, rows, y * p[rows, e, None])
    return out.to(x.dtype)
