"""Tokens are sorted by expert with a sort that is not stable, so others than the first are kept."""

import math

import numpy as np
import torch


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    tokens, n = x.shape[0], Wg.shape[1]
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(wide)
    p = torch.softmax(h @ Wg.to(wide), -1)
    weights, indices = torch.topk(p, top_k, dim=-1)
    capacity = tokens if capacity_factor is None else math.ceil(tokens / n * capacity_factor)
    flat = indices.T.reshape(-1)
    order = torch.from_numpy(np.argsort(flat.detach().cpu().numpy(), kind="quicksort"))
    out = torch.zeros_like(h)
    for e in range(n):
        mine = order[flat[order] == e][:capacity]
        rows, slot = mine % max(tokens, 1), mine // max(tokens, 1)
        y = torch.relu(h[rows] @ W1[e].to(wide)) @ W2[e].to(wide)
        out = out.index_add(0, rows, y * weights[rows, slot, None])
    return out.to(x.dtype)
