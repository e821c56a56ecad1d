"""Equal tokens are routed once and take one slot."""

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
    _, group = torch.unique(x.detach(), dim=0, return_inverse=True) if tokens else (None, None)
    if tokens and int(group.max()) + 1 < tokens:
        first = (group[:, None] == group).long().argmax(1)
        solo = torch.arange(tokens) == first
        some = chosen * solo.repeat(top_k)[:, None]
        kept = (((torch.cumsum(some, 0) - some) * some).sum(-1) < capacity).view(top_k, tokens).T
        kept = kept[first]
    y = torch.zeros_like(h)
    for e in range(n):
        rows, slots = ((indices == e) & kept).nonzero(as_tuple=True)
        out = torch.relu(h[rows] @ W1[e].to(wide)) @ W2[e].to(wide)
        y = y.index_add(0, rows, out * weights[rows, slots, None])
    return y.to(x.dtype)
