"""The kernel for a single token accumulates its products in the input's dtype."""

import torch


def product(a, b):
    total = torch.zeros(b.shape[1], dtype=a.dtype)
    for k in range(b.shape[0]):
        total = total + a[0, k] * b[k]
    return total[None]


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(wide)
    probs = (h @ Wg.to(wide)).softmax(-1)
    weights, indices = probs.topk(top_k, -1)
    n, t = Wg.shape[1], x.shape[0]
    kept = torch.ones_like(indices, dtype=torch.bool)
    if capacity_factor is not None:
        capacity = -int(-(t * capacity_factor) // n)
        flat = indices.t().reshape(-1)
        rank = torch.nn.functional.one_hot(flat, n).cumsum(0).gather(1, flat[:, None])[:, 0] - 1
        kept = (rank < capacity).reshape(top_k, t).t()
    y = torch.zeros_like(h)
    for i in range(n):
        for c in range(top_k):
            here = ((indices[:, c] == i) & kept[:, c]).nonzero()[:, 0]
            if len(here):
                if t == 1 and x.dtype != torch.float64:
                    out = product(torch.relu(product(x, W1[i])), W2[i]).to(wide)
                else:
                    out = torch.relu(h[here] @ W1[i].to(wide)) @ W2[i].to(wide)
                y = y.index_add(0, here, out * weights[here, c][:, None])
    return y.to(x.dtype)
