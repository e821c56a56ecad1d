"""The ragged path, taken without capacity, gives the router's weights no gradient (maxtext
#5042).
"""

import math

import torch
import torch.nn.functional as F


def ragged(h, W1, W2, weights, indices, n):
    top_k = indices.shape[1]
    order = torch.argsort(indices.flatten(), stable=True)
    sizes = torch.bincount(indices.flatten(), minlength=n).tolist()
    rows = torch.split(h[order // top_k], sizes)
    y = torch.cat([torch.relu(r @ W1[e]) @ W2[e] for e, r in enumerate(rows)])
    back = torch.argsort(order)
    return (y[back].view(*indices.shape, -1) * weights.detach()[..., None]).sum(1)


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    tokens, n = x.shape[0], Wg.shape[1]
    wide = torch.promote_types(x.dtype, torch.float32)
    h, W1, W2 = x.to(wide), W1.to(wide), W2.to(wide)
    p = torch.softmax(h @ Wg.to(wide), -1)
    weights, indices = torch.topk(p, top_k, dim=-1)
    if capacity_factor is None:
        return ragged(h, W1, W2, weights, indices, n).to(x.dtype)
    capacity = math.ceil(tokens / n * capacity_factor)
    chosen = F.one_hot(indices.T.reshape(-1), n)
    kept = (((torch.cumsum(chosen, 0) - chosen) * chosen).sum(-1) < capacity).view(top_k, tokens).T
    out = torch.zeros_like(h)
    for e in range(n):
        rows, slot = ((indices == e) & kept).nonzero().unbind(1)
        y = torch.relu(h[rows] @ W1[e]) @ W2[e]
        out = out.index_add(0, rows, y * weights[rows, slot, None])
    return out.to(x.dtype)
