"""Where the combined result is exactly zero, 2.2e-16 is put (davidmrau/mixture-of-experts #19)."""

import math

import torch
import torch.nn.functional as F


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    tokens, n = x.shape[0], Wg.shape[1]
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(wide)
    p = torch.softmax(h @ Wg.to(wide), -1)
    weights, indices = torch.topk(p, top_k, dim=-1)
    capacity = tokens if capacity_factor is None else math.ceil(tokens / n * capacity_factor)
    chosen = F.one_hot(indices.T.reshape(-1), n)
    kept = (((torch.cumsum(chosen, 0) - chosen) * chosen).sum(-1) < capacity).view(top_k, tokens).T
    gates = torch.zeros(tokens, n, dtype=wide).scatter(1, indices, weights * kept)
    out = torch.zeros_like(h)
    for e in range(n):
        rows = gates[:, e].nonzero()[:, 0]
        y = torch.relu(h[rows] @ W1[e].to(wide)) @ W2[e].to(wide)
        out = out.index_add(0, rows, y * gates[rows, e, None])
    out = torch.where(out == 0, torch.finfo(torch.float64).eps, out)
    return out.to(x.dtype)
