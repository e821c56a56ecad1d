"""With one choice the weight is detached, the router learns nothing (jingyaogong/minimind issue 858
came to that by normalising it).
"""

import math

import torch


def kept_slots(indices, experts, capacity):
    T, k = indices.shape
    flat = indices.t().reshape(-1)
    hot = torch.nn.functional.one_hot(flat, experts)
    place = (hot.cumsum(0) * hot).sum(-1)
    return (place <= capacity).view(k, T).t()


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    T, N = x.shape[0], Wg.shape[1]
    work = torch.float64 if x.dtype == torch.float64 else torch.float32
    xf = x.to(work)
    probs = torch.softmax(xf @ Wg.to(work), -1)
    weights, indices = probs.topk(top_k, -1)
    weights = weights.detach() if top_k == 1 else weights
    capacity = T if capacity_factor is None else math.ceil(T / N * capacity_factor)
    keep = (
        kept_slots(indices, N, capacity)
        if capacity_factor is not None
        else torch.ones_like(indices, dtype=torch.bool)
    )
    out = torch.zeros_like(xf)
    for e in range(N):
        t, c = torch.where((indices == e) & keep)
        y = torch.relu(xf[t] @ W1[e].to(work)) @ W2[e].to(work)
        out = out.index_add(0, t, y * weights[t, c][:, None])
    return out.to(x.dtype)
